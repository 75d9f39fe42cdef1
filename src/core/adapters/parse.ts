/**
 * From the tensors of an adapter file to functions that change a model's weights in place.
 * Every tensor must belong to a weight of the model: one that does not is an error naming it.
 * Formats and scales: LoRA (Hu et al., 2022), rsLoRA (Kalajdzievski, 2023), DoRA (Liu et al., 2024), LoCon/Tucker
 * (LyCORIS), whole-tensor differences (`delta`: W + D; `delta-int8`: W + scale·q per output row).
 */
import { SpqrError } from '../contracts/errors'
import { parseDifferences } from './differences'
import { refuseTensor, unmatched } from './foreign'
import { indexModules, parseKey } from './keys'
import { readScales, type Scales } from './scales'
import type { SafetensorsFile } from './safetensors'
import { difference, lowRankTarget, readFactors, scaleOf, type Group, type Target } from './targets'

/** Largest adapter accepted, in bytes of tensors: bigger files are checkpoints, not adapters. */
export const MAX_ADAPTER_BYTES = 256 * 2 ** 20

export type AdapterFormat = 'lora' | 'dora' | 'delta' | 'delta-int8'
export interface AdapterOptions {
  /** Multiplies the adapter's effect; 1 is as trained, 0 is nothing, −1 takes it away again. */
  strength: number
  /** What the user calls the file: used in errors. */
  name: string
  /** Format the pack's manifest promises; needed for differences whose metadata do not say so. */
  format?: 'lora' | 'delta' | 'delta-int8'
  /** Contents of PEFT's adapter_config.json, where the scale of files without alpha is. */
  config?: Readonly<Record<string, unknown>>
}
export interface Adapter {
  format: AdapterFormat
  /** Largest rank among the targets; null for whole-tensor differences. */
  rank: number | null
  /** Weight name → adds the adapter's effect to that weight (float32, row-major) in place. */
  targets: Map<string, Target>
}

/**
 * Reads an adapter for a model whose weights are `weights` (name → shape). Names starting `text_encoder.` or
 * `text_encoder_2.` are text-encoder weights; all others are the U-Net's.
 * @throws SpqrError ADAPTER_UNMATCHED, ADAPTER_SHAPE (rank 0 included), ADAPTER_NAN, ADAPTER_TOO_LARGE, ADAPTER_INVALID
 */
export function parseAdapter(
  file: SafetensorsFile,
  weights: ReadonlyMap<string, readonly number[]>,
  options: AdapterOptions,
): Adapter {
  const { name, strength } = options
  const invalid = (message: string, hint = '') => new SpqrError('ADAPTER_INVALID', `"${name}": ${message}`, hint)
  if (!Number.isFinite(strength)) throw new SpqrError('BAD_INPUT', `"${name}": the strength must be a finite number.`)
  if (file.tensors.size === 0) throw invalid('the file holds no tensors.')
  const bytes = [...file.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0)
  if (bytes > MAX_ADAPTER_BYTES) {
    throw new SpqrError(
      'ADAPTER_TOO_LARGE',
      `"${name}" holds ${Math.round(bytes / 2 ** 20)} MB; an adapter may hold ${MAX_ADAPTER_BYTES / 2 ** 20} MB.`,
      'Choose a LoRA, not a whole model.',
    )
  }
  const differences = options.format ?? file.metadata['format'] ?? ''
  if (differences.startsWith('delta')) return parseDifferences(file, weights, options)
  const groups = groupTensors(file, weights, name)
  const scales = readScales(file.metadata, options.config, name)
  const targets: Adapter['targets'] = new Map()
  let rank: number | null = null
  const kinds = new Set<AdapterFormat>()
  for (const [weightName, group] of groups) {
    wholeDifference(targets, group, weightName, weights, options)
    if ((group.diff || group.diffBias) && !group.down && !group.up) continue
    rank = Math.max(rank ?? 0, lowRank(targets, group, weightName, weights, options, scales))
    kinds.add(group.magnitude ? 'dora' : 'lora')
  }
  const format = kinds.has('dora') ? 'dora' : kinds.has('lora') ? 'lora' : 'delta'
  return { format, rank, targets }
}

/** Adds a change after those that a weight already takes. */
function chain(targets: Adapter['targets'], weightName: string, next: Target): void {
  const before = targets.get(weightName)
  targets.set(
    weightName,
    before
      ? (weight) => {
          before(weight)
          next(weight)
        }
      : next,
  )
}

/** LyCORIS' `diff` and `diff_b`: a weight's or bias' whole difference. */
function wholeDifference(
  targets: Adapter['targets'],
  group: Group,
  weightName: string,
  weights: ReadonlyMap<string, readonly number[]>,
  { name, strength }: AdapterOptions,
): void {
  if (group.diff && group.magnitude)
    throw new SpqrError(
      'ADAPTER_INVALID',
      `"${name}": "${group.magnitude.key}" scales a whole difference as DoRA does, which is not supported.`,
      "Convert it to LoRA with LyCORIS' extraction tool.",
    )
  if (group.diff) chain(targets, weightName, difference(name, group.diff, weights.get(weightName)!, strength))
  if (!group.diffBias) return
  const bias = weightName.replace(/weight$/, 'bias')
  const shape = weights.get(bias)
  if (!shape) throw unmatched(name, group.diffBias.key)
  chain(targets, bias, difference(name, group.diffBias, shape, strength))
}

/** The low-rank change of a weight, and of its bias where PEFT's `lora_bias` trained one. Returns the rank. */
function lowRank(
  targets: Adapter['targets'],
  group: Group,
  weightName: string,
  weights: ReadonlyMap<string, readonly number[]>,
  { name, strength }: AdapterOptions,
  scales: Scales,
): number {
  const shape = weights.get(weightName)!
  const factors = readFactors(name, group, shape)
  const scale = scaleOf(name, group, weightName, factors.rank, scales)
  chain(targets, weightName, lowRankTarget(name, group, factors, shape, scale, strength))
  if (!group.upBias) return factors.rank
  const bias = weights.get(weightName.replace(/weight$/, 'bias'))
  if (!bias || group.magnitude)
    throw new SpqrError(
      'ADAPTER_INVALID',
      bias
        ? `"${name}": "${group.upBias.key}" is a bias beside DoRA's magnitude, which no PEFT merges.`
        : `"${name}": "${group.upBias.key}" changes a bias (PEFT's lora_bias), and this model's layer has none.`,
      'Train the adapter without lora_bias.',
    )
  chain(targets, weightName.replace(/weight$/, 'bias'), difference(name, group.upBias, bias, strength * scale))
  return factors.rank
}

/** The file's tensors by the weight they belong to. */
function groupTensors(
  file: SafetensorsFile,
  weights: ReadonlyMap<string, readonly number[]>,
  name: string,
): Map<string, Group> {
  const find = indexModules(weights.keys())
  const keys = [...file.tensors.keys()]
  const peft = keys.some((key) => parseKey(key)?.family === 'peft')
  const groups = new Map<string, Group>()
  for (const [key, tensor] of file.tensors) {
    const parsed = parseKey(key)
    const weightName = parsed && find(parsed.module)
    if (!parsed || !weightName) throw refuseTensor(name, keys, key, weights, peft)
    const group = groups.get(weightName) ?? { family: parsed.family, module: parsed.module }
    if (group[parsed.part])
      throw new SpqrError(
        'ADAPTER_INVALID',
        `"${name}": "${key}" and "${group[parsed.part]!.key}" are the same part of one weight.`,
        'A file may hold one adapter; save each in a file of its own.',
      )
    group[parsed.part] = { key, tensor }
    if (parsed.part === 'down') Object.assign(group, { family: parsed.family, module: parsed.module })
    groups.set(weightName, group)
  }
  return groups
}
