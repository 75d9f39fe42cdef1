/**
 * The factor in front of B·A. An `alpha` tensor in the file rules (kohya, LyCORIS: α/r); else PEFT's configuration,
 * from adapter_config.json or from diffusers' `lora_adapter_metadata` (α/r, or α/√r for rsLoRA, with patterns per
 * module); else a plain metadata field `lora_alpha` (the packs' own files); else 1, as kohya and diffusers have it.
 * PEFT's own file always needs its configuration: without it the scale is unknown.
 */
import { SpqrError } from '../contracts/errors'
import { parseLoosely } from '../contracts/json'
import { isObject } from '../contracts/outside'
import { patternTable, type PatternTable } from './patterns'
import { checkPeftConfig } from './peftConfig'
import { writeSafetensors, type SafetensorsFile } from './safetensors'

/** A module as the file names it. */
export interface ScaledModule {
  module: string
  /** The part of the model it belongs to: `unet.`, `text_encoder.` … */
  component: string
  rank: number
  /** The file's own alpha, or null. */
  alpha: number | null
  /** Whether the file holds a magnitude (DoRA) for it. */
  dora: boolean
}
/** Scale of a module. */
export type Scales = (module: ScaledModule) => number

interface Configuration {
  prefix: string
  fields: Record<string, unknown>
  /** Whether PEFT wrote it: then it describes the adapter fully. */
  peft: boolean
}
interface Patterned extends Configuration {
  alphas: PatternTable
  ranks: PatternTable
}

/** diffusers flattens one configuration per component: `unet.lora_alpha`, `text_encoder.r` … */
function fromMetadata(metadata: Readonly<Record<string, string>>): Configuration[] {
  const text = metadata['lora_adapter_metadata']
  const plain = metadata['lora_alpha']
  if (text === undefined)
    return plain === undefined ? [] : [{ prefix: '', fields: { lora_alpha: numberIn(plain) }, peft: false }]
  const { value: flat, fault } = parseLoosely(text)
  if (!isObject(flat))
    throw new SpqrError(
      'ADAPTER_INVALID',
      `The metadata field lora_adapter_metadata is not a JSON object${fault === null ? '' : `: ${fault}`}.`,
    )
  const byPrefix = new Map<string, [string, unknown][]>()
  for (const [key, value] of Object.entries(flat)) {
    const dot = key.indexOf('.')
    const prefix = dot < 0 ? '' : key.slice(0, dot + 1)
    const fields = byPrefix.get(prefix) ?? []
    fields.push([key.slice(dot + 1), value])
    byPrefix.set(prefix, fields)
  }
  return [...byPrefix].map(([prefix, fields]) => ({ prefix, fields: Object.fromEntries(fields), peft: true }))
}

const numberIn = (text: string): number => (text.trim() === '' ? NaN : Number(text))

/**
 * The scales of one file.
 * @throws SpqrError ADAPTER_INVALID when the configuration asks for something that is not followed; later, per module,
 * when the scale is unknown or the configuration belongs to another file
 */
export function readScales(
  metadata: Readonly<Record<string, string>>,
  config: Readonly<Record<string, unknown>> | undefined,
  file: string,
): Scales {
  const configurations = (config ? [{ prefix: '', fields: config, peft: true }] : fromMetadata(metadata)).map(
    ({ prefix, fields, peft }): Patterned => {
      if (peft) checkPeftConfig(file, fields)
      return {
        prefix,
        fields,
        peft,
        alphas: patternTable('alpha_pattern', fields['alpha_pattern']),
        ranks: patternTable('rank_pattern', fields['rank_pattern']),
      }
    },
  )
  return ({ module, component, rank, alpha, dora }) => {
    if (alpha !== null) return alpha / rank
    const own = configurations.find(({ prefix }) => prefix === '' || prefix === component)
    if (!own) {
      if (configurations.length === 0 && !module.startsWith('base_model.model.')) return 1
      throw unknownScale(file, module)
    }
    // PEFT matches patterns against the name inside the model that it wrapped.
    const path = module.replace(/^base_model\.model\./, '')
    const inner = path.startsWith(component) ? path.slice(component.length) : path
    const names = inner === path ? [path] : [inner, path]
    const value = own.alphas(...names) ?? own.fields['lora_alpha']
    if (typeof value !== 'number' || !Number.isFinite(value)) throw unknownScale(file, module)
    if (own.peft) checkModule(file, own, names, { module, rank, dora })
    return value / (own.fields['use_rslora'] === true ? Math.sqrt(rank) : rank)
  }
}

function checkModule(
  file: string,
  { fields, ranks }: Patterned,
  names: readonly string[],
  { module, rank, dora }: Pick<ScaledModule, 'module' | 'rank' | 'dora'>,
): void {
  const expected = ranks(...names) ?? fields['r']
  if (typeof expected === 'number' && expected !== rank)
    throw new SpqrError(
      'ADAPTER_INVALID',
      `"${file}": its configuration gives rank ${expected} to "${module}", and its tensors have rank ${rank}.`,
      'Use the adapter_config.json that was saved with these weights.',
    )
  if (fields['use_dora'] === true && !dora)
    throw new SpqrError(
      'ADAPTER_INVALID',
      `"${file}": its configuration says use_dora, and "${module}" has no magnitude vector.`,
      'The file is not complete; save it again with PEFT.',
    )
}

const unknownScale = (file: string, module: string): SpqrError =>
  new SpqrError(
    'ADAPTER_INVALID',
    `"${file}": the strength that "${module}" was trained with is not in the file.`,
    'Choose adapter_config.json, which PEFT saved beside the weights, together with the file.',
  )

/**
 * A bare PEFT file with its adapter_config.json written into its metadata, so that its scale travels with it.
 * @throws SpqrError ADAPTER_INVALID when the text is no JSON object
 */
export function withConfig(file: SafetensorsFile, config: string): Uint8Array<ArrayBuffer> {
  const { value: fields } = parseLoosely(config)
  if (!isObject(fields))
    throw new SpqrError(
      'ADAPTER_INVALID',
      'The file adapter_config.json is not a JSON object.',
      'Take the one that PEFT wrote beside the weights.',
    )
  const tensors = new Map(
    [...file.tensors].map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data: bytes }]),
  )
  return writeSafetensors(tensors, { ...file.metadata, lora_adapter_metadata: JSON.stringify(fields) })
}

/** Metadata for a LoRA file of one rank, so that diffusers' `load_lora_weights` and this reader take the same scale. */
export function loraMetadata(rank: number, alpha: number, targetModules: readonly string[]): Record<string, string> {
  const config = {
    'unet.peft_type': 'LORA',
    'unet.r': rank,
    'unet.lora_alpha': alpha,
    'unet.use_rslora': false,
    'unet.use_dora': false,
    'unet.rank_pattern': {},
    'unet.alpha_pattern': {},
    'unet.target_modules': [...targetModules].sort(),
  }
  return { format: 'pt', lora_adapter_metadata: JSON.stringify(config) }
}
