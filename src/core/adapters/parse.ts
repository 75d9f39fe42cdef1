/**
 * From the tensors of an adapter file to functions that change a model's weights in place.
 * Every tensor must belong to a weight of the model: one that does not is an error naming it.
 * Formats and scales: LoRA (Hu et al., 2022), rsLoRA (Kalajdzievski, 2023), DoRA (Liu et al., 2024), LoCon/Tucker
 * (LyCORIS), whole-tensor differences (`delta`: W + D; `delta-int8`: W + scale·q per output row).
 */
import { SpqrError } from '../contracts/errors'
import { indexModules, parseKey, type Family, type ModuleIndex, type Part } from './keys'
import { addDora, addLowRank, foldTucker, type Factors } from './lowRank'
import { readScales, type Scales } from './scales'
import type { SafetensorsFile, Tensor } from './safetensors'

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
  /** Contents of PEFT's adapter_config.json, where the scale of files without alpha lies. */
  config?: Readonly<Record<string, unknown>>
}
export interface Adapter {
  format: AdapterFormat
  /** Largest rank among the targets; null for whole-tensor differences. */
  rank: number | null
  /** Weight name → adds the adapter's effect to that weight (float32, row-major) in place. */
  targets: Map<string, (weight: Float32Array) => void>
}

interface Named {
  key: string
  tensor: Tensor
}
type Group = Partial<Record<Part, Named>> & { family: Family; module: string }

const unmatched = (file: string, key: string) =>
  new SpqrError(
    'ADAPTER_UNMATCHED',
    `"${file}": the tensor "${key}" belongs to no weight of this model.`,
    'The adapter was made for another model; use one made for this model.',
  )
const misshaped = (file: string, key: string, why: string) =>
  new SpqrError(
    'ADAPTER_SHAPE',
    `"${file}": the tensor "${key}" ${why}.`,
    'The adapter was made for another model, or the file is damaged.',
  )

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`

function finiteFloats(file: string, { key, tensor }: Named): Float32Array {
  const floats = tensor.floats()
  if (!floats.every(Number.isFinite)) {
    throw new SpqrError(
      'ADAPTER_NAN',
      `"${file}": the tensor "${key}" holds a value that is not a finite number.`,
      "The adapter's training went wrong; use another checkpoint of it.",
    )
  }
  return floats
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
  const groups = groupTensors(file, indexModules(weights.keys()), weights, name)
  const scales = readScales(file.metadata, options.config)
  const targets: Adapter['targets'] = new Map()
  let rank: number | null = null
  const kinds = new Set<AdapterFormat>()
  for (const [weightName, group] of groups) {
    const shape = weights.get(weightName)!
    const whole = group.diff && difference(name, group.diff, shape, strength)
    if (whole && group.magnitude)
      throw invalid(
        `"${group.magnitude.key}" scales a whole difference as DoRA does, which is not supported.`,
        "Convert it to LoRA with LyCORIS' extraction tool.",
      )
    if (whole) targets.set(weightName, whole)
    if (group.diffBias) {
      const bias = weightName.replace(/weight$/, 'bias')
      if (!weights.has(bias)) throw unmatched(name, group.diffBias.key)
      targets.set(bias, difference(name, group.diffBias, weights.get(bias)!, strength))
    }
    if ((group.diff || group.diffBias) && !group.down && !group.up) continue
    const factors = readFactors(name, group, shape)
    rank = Math.max(rank ?? 0, factors.rank)
    kinds.add(group.magnitude ? 'dora' : 'lora')
    const low = lowRankTarget(name, group, factors, shape, scales, strength)
    targets.set(weightName, (weight) => {
      whole?.(weight)
      low(weight)
    })
  }
  const format = kinds.has('dora') ? 'dora' : kinds.has('lora') ? 'lora' : 'delta'
  return { format, rank, targets }
}

function groupTensors(
  file: SafetensorsFile,
  find: ModuleIndex,
  weights: ReadonlyMap<string, readonly number[]>,
  name: string,
): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const [key, tensor] of file.tensors) {
    const parsed = parseKey(key)
    if (!parsed && /\.(hada_|lokr_|oft_|glora|on_input)/.test(key)) {
      throw new SpqrError(
        'ADAPTER_INVALID',
        `"${name}": "${key}" belongs to LoHa, LoKr or another LyCORIS kind that is not supported.`,
        "Convert it to LoRA with LyCORIS' extraction tool.",
      )
    }
    if (!parsed && weights.has(key.replace(/^unet\./, ''))) {
      throw new SpqrError(
        'ADAPTER_INVALID',
        `"${name}" holds the whole weight "${key}", not a change of it.`,
        'Use a LoRA, or a difference whose metadata say format = delta.',
      )
    }
    const weightName = parsed && find(parsed.module)
    if (!parsed || !weightName) throw unmatched(name, key)
    const group = groups.get(weightName) ?? { family: parsed.family, module: parsed.module }
    if (group[parsed.part])
      throw new SpqrError(
        'ADAPTER_INVALID',
        `"${name}": "${key}" and "${group[parsed.part]!.key}" are the same part of one weight.`,
      )
    group[parsed.part] = { key, tensor }
    if (parsed.part === 'down') group.family = parsed.family
    groups.set(weightName, group)
  }
  return groups
}

function readFactors(file: string, group: Group, shape: readonly number[]): Factors {
  const { down, up, mid } = group
  const present = Object.values(group).find((part): part is Named => typeof part === 'object')
  if (!down || !up)
    throw misshaped(file, present?.key ?? group.module, `has no ${down ? 'up (B)' : 'down (A)'} matrix beside it`)
  if (shape.length !== 2 && shape.length !== 4)
    throw misshaped(file, down.key, `targets a weight of shape ${show(shape)}, which is neither linear nor convolution`)
  const rank = down.tensor.shape[0] ?? 0
  if (rank === 0 || product(down.tensor.shape) === 0) throw misshaped(file, down.key, 'has rank 0')
  const [rows, inputs] = [shape[0]!, shape[1]!]
  const kernel = product(shape.slice(2))
  const wanted = mid ? [rank, inputs] : [rank, inputs, ...shape.slice(2)]
  const same = (actual: readonly number[], expected: readonly number[]): boolean =>
    actual.slice(0, 2).every((n, i) => n === expected[i]) &&
    actual.length >= 2 &&
    product(actual.slice(2)) === product(expected.slice(2))
  if (!same(down.tensor.shape, wanted))
    throw misshaped(
      file,
      down.key,
      `has shape ${show(down.tensor.shape)}; the weight ${show(shape)} needs ${show(wanted)}`,
    )
  if (!same(up.tensor.shape, [rows, rank]))
    throw misshaped(
      file,
      up.key,
      `has shape ${show(up.tensor.shape)}; the weight ${show(shape)} needs ${show([rows, rank])}`,
    )
  if (mid && !same(mid.tensor.shape, [rank, rank, ...shape.slice(2)]))
    throw misshaped(
      file,
      mid.key,
      `has shape ${show(mid.tensor.shape)}; the weight ${show(shape)} needs ${show([rank, rank, ...shape.slice(2)])}`,
    )
  const factor = finiteFloats(file, down)
  return {
    rank,
    rows,
    columns: inputs * kernel,
    up: finiteFloats(file, up),
    down: mid ? foldTucker(finiteFloats(file, mid), factor, rank, inputs, kernel) : factor,
  }
}

function lowRankTarget(
  file: string,
  group: Group,
  factors: Factors,
  shape: readonly number[],
  scales: Scales,
  strength: number,
): (weight: Float32Array) => void {
  let alpha: number | null = null
  if (group.alpha) {
    if (product(group.alpha.tensor.shape) !== 1) throw misshaped(file, group.alpha.key, 'is no single number')
    alpha = finiteFloats(file, group.alpha)[0]!
  }
  const scale = scales(group.module, factors.rank, alpha)
  const { magnitude } = group
  if (!magnitude) return (weight) => addLowRank(weight, factors, strength * scale)
  const length = product(magnitude.tensor.shape)
  // LyCORIS may scale columns; PEFT's magnitude of a convolution is [1, out, 1, 1], one per row all the same.
  const byColumn =
    magnitude.key.endsWith('.dora_scale') &&
    magnitude.tensor.shape.length >= 2 &&
    magnitude.tensor.shape[0] === 1 &&
    shape[0] !== 1
  if (length !== (byColumn ? shape[1] : shape[0]))
    throw misshaped(
      file,
      magnitude.key,
      `has shape ${show(magnitude.tensor.shape)}; the weight has shape ${show(shape)}`,
    )
  const m = finiteFloats(file, magnitude)
  return (weight) =>
    addDora(weight, factors, scale, m, byColumn ? 'columns' : 'rows', product(shape.slice(2)), strength)
}

/** W ← W + strength·D for one tensor of the weight's own size. */
function difference(
  file: string,
  named: Named,
  shape: readonly number[],
  strength: number,
): (weight: Float32Array) => void {
  if (product(named.tensor.shape) !== product(shape) || named.tensor.shape[0] !== shape[0]) {
    throw misshaped(file, named.key, `has shape ${show(named.tensor.shape)}; the weight has shape ${show(shape)}`)
  }
  const delta = finiteFloats(file, named)
  return (weight) => {
    for (let i = 0; i < delta.length; i++) weight[i]! += strength * delta[i]!
  }
}

/** W ← W + strength·scale·q, one scale per output row. */
function quantisedDifference(
  file: string,
  named: Named,
  scale: Named,
  shape: readonly number[],
  strength: number,
): (weight: Float32Array) => void {
  const rows = shape[0] ?? 1
  if (product(named.tensor.shape) !== product(shape))
    throw misshaped(file, named.key, `has shape ${show(named.tensor.shape)}; the weight has shape ${show(shape)}`)
  if (product(scale.tensor.shape) !== rows)
    throw misshaped(file, scale.key, `has shape ${show(scale.tensor.shape)}; ${rows} output rows need one number each`)
  const q = named.tensor.floats()
  const scales = finiteFloats(file, scale)
  const columns = q.length / rows
  return (weight) => {
    for (let i = 0; i < q.length; i++) weight[i]! += strength * scales[Math.floor(i / columns)]! * q[i]!
  }
}

function parseDifferences(
  file: SafetensorsFile,
  weights: ReadonlyMap<string, readonly number[]>,
  { name, strength }: AdapterOptions,
): Adapter {
  const targets: Adapter['targets'] = new Map()
  let format: AdapterFormat = 'delta'
  for (const [key, tensor] of file.tensors) {
    const owner = key.endsWith('.scale') ? key.slice(0, -'.scale'.length) : null
    if (owner !== null && file.tensors.get(owner)?.dtype === 'I8') continue
    const weightName = weights.has(key) ? key : key.replace(/^unet\./, '')
    const shape = weights.get(weightName)
    if (!shape) throw unmatched(name, key)
    if (tensor.dtype === 'I8') {
      const scale = file.tensors.get(`${key}.scale`)
      if (!scale) throw misshaped(name, key, 'is int8 but has no .scale tensor beside it')
      format = 'delta-int8'
      targets.set(
        weightName,
        quantisedDifference(name, { key, tensor }, { key: `${key}.scale`, tensor: scale }, shape, strength),
      )
    } else {
      targets.set(weightName, difference(name, { key, tensor }, shape, strength))
    }
  }
  return { format, rank: null, targets }
}
