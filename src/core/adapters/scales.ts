/**
 * The factor in front of B·A. An `alpha` tensor in the file rules (kohya, LyCORIS: α/r); else PEFT's configuration,
 * from adapter_config.json or from diffusers' `lora_adapter_metadata` (α/r, or α/√r for rsLoRA, with patterns per
 * module); else a plain metadata field `lora_alpha` (the packs' own files); else 1.
 */
import { SpqrError } from '../contracts/errors'
import { writeSafetensors, type SafetensorsFile } from './safetensors'

/** Scale for a module of rank `rank`; `alpha` is the file's own tensor or null. */
export type Scales = (module: string, rank: number, alpha: number | null) => number

interface Configuration {
  prefix: string
  fields: Record<string, unknown>
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** diffusers flattens one configuration per component: `unet.lora_alpha`, `text_encoder.r` … */
function fromMetadata(metadata: Readonly<Record<string, string>>): Configuration[] {
  const text = metadata['lora_adapter_metadata']
  const plain = Number(metadata['lora_alpha'])
  if (text === undefined)
    return metadata['lora_alpha'] !== undefined && Number.isFinite(plain)
      ? [{ prefix: '', fields: { lora_alpha: plain } }]
      : []
  let flat: unknown
  try {
    flat = JSON.parse(text)
  } catch {
    flat = null
  }
  if (!isRecord(flat))
    throw new SpqrError('ADAPTER_INVALID', 'The metadata field lora_adapter_metadata is not a JSON object.')
  const byPrefix = new Map<string, Record<string, unknown>>()
  for (const [key, value] of Object.entries(flat)) {
    const dot = key.indexOf('.')
    const prefix = dot < 0 ? '' : key.slice(0, dot + 1)
    const fields = byPrefix.get(prefix) ?? {}
    fields[key.slice(dot + 1)] = value
    byPrefix.set(prefix, fields)
  }
  return [...byPrefix].map(([prefix, fields]) => ({ prefix, fields }))
}

/** Value for the module out of a pattern table; PEFT matches the key as a regular expression at the end of the name. */
function fromPattern(table: unknown, module: string): number | null {
  if (!isRecord(table)) return null
  const found = Object.entries(table).find(
    ([pattern, value]) => typeof value === 'number' && ending(pattern).test(module),
  )
  return found ? (found[1] as number) : null
}

function ending(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`)
  } catch {
    throw new SpqrError(
      'ADAPTER_INVALID',
      `The alpha_pattern "${pattern}" is no regular expression.`,
      'Correct it in adapter_config.json, or merge the adapter with PEFT first.',
    )
  }
}

export function readScales(
  metadata: Readonly<Record<string, string>>,
  config?: Readonly<Record<string, unknown>>,
): Scales {
  const configurations = config ? [{ prefix: '', fields: { ...config } }] : fromMetadata(metadata)
  return (module, rank, alpha) => {
    if (alpha !== null) return alpha / rank
    const own = configurations.find(({ prefix }) => prefix === '' || module.startsWith(prefix))
    const value = own && (fromPattern(own.fields['alpha_pattern'], module) ?? own.fields['lora_alpha'])
    if (!own || typeof value !== 'number' || !Number.isFinite(value)) return 1
    return value / (own.fields['use_rslora'] === true ? Math.sqrt(rank) : rank)
  }
}

/**
 * A bare PEFT file with its adapter_config.json written into its metadata, so that its scale travels with it.
 * @throws SpqrError ADAPTER_INVALID when the text is no JSON object
 */
export function withConfig(file: SafetensorsFile, config: string): Uint8Array<ArrayBuffer> {
  let fields: unknown = null
  try {
    fields = JSON.parse(config)
  } catch {
    // Told below, as for any other text that is no configuration.
  }
  if (!isRecord(fields))
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
