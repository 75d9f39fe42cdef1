/**
 * Names of adapter tensors → the module and the part they belong to.
 * Families: kohya (`lora_unet_…`, `lora_te_…`), diffusers/PEFT (`unet.….lora_A.weight`), older diffusers
 * (`….attn1.processor.to_q_lora.down.weight`, `….lora_linear_layer.up.weight`), and whole-tensor differences.
 */
export type Family = 'kohya' | 'peft' | 'diffusers' | 'delta'
/** The role of a tensor inside its module's adapter. */
export type Part = 'down' | 'up' | 'upBias' | 'mid' | 'alpha' | 'magnitude' | 'diff' | 'diffBias'
export interface ParsedKey {
  family: Family
  module: string
  part: Part
}

const SUFFIXES: readonly (readonly [RegExp, Family, Part])[] = [
  [/\.lora_down\.weight$/, 'kohya', 'down'],
  [/\.lora_up\.weight$/, 'kohya', 'up'],
  [/\.lora_mid\.weight$/, 'kohya', 'mid'],
  [/\.dora_scale$/, 'kohya', 'magnitude'],
  [/\.diff$/, 'kohya', 'diff'],
  [/\.diff_b$/, 'kohya', 'diffBias'],
  [/\.alpha$/, 'kohya', 'alpha'],
  // PEFT writes the adapter's name (`default`, `default_0` …) between them when a model's own state is saved.
  [/\.lora_A(\.[^.]+)?\.weight$/, 'peft', 'down'],
  [/\.lora_B(\.[^.]+)?\.weight$/, 'peft', 'up'],
  [/\.lora_B(\.[^.]+)?\.bias$/, 'peft', 'upBias'],
  [/\.lora_magnitude_vector(\.[^.]+)?(\.weight)?$/, 'peft', 'magnitude'],
  [/[._]lora(_linear_layer)?\.down\.weight$/, 'diffusers', 'down'],
  [/[._]lora(_linear_layer)?\.up\.weight$/, 'diffusers', 'up'],
]

/** Older diffusers kept its LoRA in attention processors, beside the projections they belong to. */
const PROCESSOR: Record<string, string> = { to_q: 'to_q', to_k: 'to_k', to_v: 'to_v', to_out: 'to_out.0' }
const TEXT_PROCESSOR: Record<string, string> = { to_q: 'q_proj', to_k: 'k_proj', to_v: 'v_proj', to_out: 'out_proj' }

function modernModule(module: string): string {
  const processor = /^(.*)\.processor\.(to_(?:q|k|v|out))$/.exec(module)
  if (processor) return `${processor[1]}.${PROCESSOR[processor[2]!]}`
  const text = /^(.*\.self_attn)\.(to_(?:q|k|v|out))$/.exec(module)
  return text ? `${text[1]}.${TEXT_PROCESSOR[text[2]!]}` : module
}

/** Splits an adapter tensor's name; null when it is of no known family. */
export function parseKey(name: string): ParsedKey | null {
  for (const [pattern, family, part] of SUFFIXES) {
    const match = pattern.exec(name)
    if (match) return { family, part, module: modernModule(name.slice(0, match.index)) }
  }
  return null
}

/**
 * U-Net module names of the original latent-diffusion layout (kohya's SDXL files use them) for a diffusers name.
 * `layers` is the number of resnets in a down block. Null where the layouts have no counterpart.
 */
function originalName(module: string, layers: number): string | null {
  const block = /^(down|up)_blocks\.(\d+)\.(attentions|resnets|downsamplers|upsamplers)\.(\d+)\.(.*)$/.exec(module)
  const middle = /^mid_block\.(attentions|resnets)\.(\d+)\.(.*)$/.exec(module)
  const inner = (kind: string, rest: string): string =>
    kind !== 'resnets'
      ? rest
      : rest
          .replace(/^conv1/, 'in_layers.2')
          .replace(/^conv2/, 'out_layers.3')
          .replace(/^time_emb_proj/, 'emb_layers.1')
          .replace(/^conv_shortcut/, 'skip_connection')
  if (middle) {
    const index = middle[1] === 'attentions' ? 1 : Number(middle[2]) * 2
    return `middle_block.${index}.${inner(middle[1]!, middle[3]!)}`
  }
  if (!block) return null
  const [, side, level, kind, position, rest] = block as unknown as [string, string, string, string, string, string]
  const branch = kind === 'attentions' ? 1 : 0
  if (side === 'down') {
    const stage = Number(level) * (layers + 1) + 1
    if (kind === 'downsamplers') return `input_blocks.${stage + layers}.0.op`
    return `input_blocks.${stage + Number(position)}.${branch}.${inner(kind, rest)}`
  }
  const stage = Number(level) * (layers + 1)
  if (kind === 'upsamplers') return `output_blocks.${stage + layers}.2.conv`
  return `output_blocks.${stage + Number(position)}.${branch}.${inner(kind, rest)}`
}

const TEXT_COMPONENTS: readonly (readonly [string, readonly string[]])[] = [
  ['text_encoder.', ['lora_te_', 'lora_te1_']],
  ['text_encoder_2.', ['lora_te2_']],
]

/** Finds the weight an adapter's module stands for. */
export type ModuleIndex = (module: string) => string | null

/**
 * Index over a model's weight names. Names starting `text_encoder.` or `text_encoder_2.` belong to the text
 * encoders, all others (with or without `unet.`) to the U-Net.
 */
export function indexModules(weightNames: Iterable<string>): ModuleIndex {
  const exact = new Map<string, string>()
  const flat = new Map<string, string>()
  const names = [...weightNames].filter((name) => name.endsWith('.weight'))
  const layers = names.reduce((most, name) => {
    const match = /down_blocks\.\d+\.resnets\.(\d+)\./.exec(name)
    return match ? Math.max(most, Number(match[1]) + 1) : most
  }, 0)
  for (const name of names) {
    const module = name.slice(0, -'.weight'.length)
    const text = TEXT_COMPONENTS.find(([prefix]) => module.startsWith(prefix))
    if (text) {
      // transformers 5 dropped the level `text_model` from CLIP's names; adapters are found by both.
      const path = module.slice(text[0].length).replace(/^text_model\./, '')
      for (const form of [path, `text_model.${path}`]) {
        exact.set(text[0] + form, name)
        if (!exact.has(`base_model.model.${form}`)) exact.set(`base_model.model.${form}`, name)
        for (const prefix of text[1]) flat.set(prefix + form.replaceAll('.', '_'), name)
      }
    } else {
      const path = module.replace(/^unet\./, '')
      for (const prefix of ['', 'unet.', 'base_model.model.', 'base_model.model.unet.']) exact.set(prefix + path, name)
      flat.set(`lora_unet_${path.replaceAll('.', '_')}`, name)
      const original = originalName(path, layers)
      if (original) flat.set(`lora_unet_${original.replaceAll('.', '_')}`, name)
    }
  }
  // diffusers writes DoRA's magnitudes under kohya's prefix with some dots left standing.
  return (module) =>
    exact.get(module) ?? flat.get(module.startsWith('lora_') ? module.replaceAll('.', '_') : module) ?? null
}
