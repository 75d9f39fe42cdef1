/** Why a tensor of an adapter file cannot be used: the true reason, by the kind of file it comes from. */
import { SpqrError } from '../contracts/errors'

const LYCORIS = "Convert it to LoRA with LyCORIS' extraction tool."
const MERGE = 'Merge it into the model with the tool that made it, and extract a LoRA from the result.'

/** Pattern of a tensor's name → what it belongs to, and what to do. First match rules. */
const KINDS: readonly (readonly [RegExp, string, string])[] = [
  [
    /^(unet|text_encoder|vae):\d+:/,
    "cloneofsimo's first LoRA format, which numbers its layers",
    'Convert it with diffusers or kohya first.',
  ],
  [
    /^bundle_emb\./,
    'a textual inversion bundled with the LoRA, which adds words to the text encoder',
    'Save the LoRA without its embeddings, if its prompts do not need their words.',
  ],
  [
    /(^|\.)(emb_params|string_to_param)(\.|$)/,
    'a textual inversion, which adds words to the text encoder',
    'Use a LoRA.',
  ],
  [/\.(hada_|hada)/, 'a LoHa adapter of LyCORIS, a kind that this page does not read', LYCORIS],
  [/\.lokr_/, 'a LoKr adapter of LyCORIS or PEFT, a kind that this page does not read', LYCORIS],
  [
    /\.(boft_|bora_)/,
    'a BOFT adapter (orthogonal factors, not a low-rank sum), a kind that this page does not read',
    MERGE,
  ],
  [
    /\.(oft_|rescale$)/,
    'an OFT or BOFT adapter (orthogonal factors, not a low-rank sum), a kind that this page does not read',
    MERGE,
  ],
  [
    /\.(a1|a2|b1|b2|bm1|bm2)\.weight$|\.(glora|bm)/,
    'a GLoRA adapter of LyCORIS, a kind that this page does not read',
    LYCORIS,
  ],
  [
    /\.(on_input$|ia3_l)/,
    'an IA3 adapter (factors on activations, not a low-rank sum), a kind that this page does not read',
    MERGE,
  ],
  [/\.vera_/, 'a VeRA adapter (shared random matrices), a kind that this page does not read', MERGE],
  [/\.(lora_E|ranknum)(\.|$)/, 'an AdaLoRA adapter, a kind that this page does not read', MERGE],
  [
    /\.(w_norm|b_norm)$/,
    "a trained norm layer (LyCORIS' train_norm), which this page does not read",
    'Train the adapter without norm layers.',
  ],
  [
    /\.lora_embedding_/,
    'a LoRA of an embedding table, which this page does not read',
    'Train the adapter without embeddings.',
  ],
  [
    /\.modules_to_save\./,
    "a layer saved whole (PEFT's modules_to_save), which is not a change of the model's weight",
    'Merge the adapter with PEFT first.',
  ],
  [/\.scalar$/, "LyCORIS' trained scalar (use_scalar), which this page does not read", LYCORIS],
  [/\.lora_(up|down|mid)\.bias$/, 'a LoRA with biases of its own, under names that this page does not read', MERGE],
  [
    /^(model\.diffusion_model|first_stage_model|cond_stage_model)\./,
    'a whole checkpoint, not a change of one',
    'Use a LoRA.',
  ],
  [
    /^(transformer|lora_transformer_|diffusion_model)[._]/,
    "a diffusion transformer or an adapter in ComfyUI's names, which this page does not read",
    'Use a LoRA for this model in the names of diffusers or kohya.',
  ],
]

/**
 * The refusal of the tensor `key`, which no weight takes, in a file of tensors `keys`.
 * @param weights the model's weights by name, with text-encoder weights as `text_encoder.…`
 * @param peft whether other tensors of the file are PEFT's, so that whole weights are trained modules of its own
 */
export function refuseTensor(
  file: string,
  keys: readonly string[],
  key: string,
  weights: ReadonlyMap<string, readonly number[]>,
  peft: boolean,
): SpqrError {
  // A plain name may be met first; what its neighbours are called says which kind the file is of.
  for (const one of [key, ...keys]) {
    const kind = KINDS.find(([pattern]) => pattern.test(one))
    if (kind) return new SpqrError('ADAPTER_INVALID', `"${file}": the tensor "${one}" belongs to ${kind[1]}.`, kind[2])
  }
  const own = key.replace(/^base_model\.model\./, '').replace(/^unet\./, '')
  const whole = [own, `text_encoder.${own}`].find((name) => weights.has(name))
  if (whole && peft)
    return new SpqrError(
      'ADAPTER_INVALID',
      own.endsWith('.bias')
        ? `"${file}": the tensor "${key}" is a trained bias (PEFT's setting bias), which this page does not read.`
        : `"${file}": the tensor "${key}" is a layer saved whole (PEFT's modules_to_save), which is not a change of the model's weight.`,
      'Merge the adapter with PEFT first.',
    )
  if (whole)
    return new SpqrError(
      'ADAPTER_INVALID',
      `"${file}" holds the whole weight "${key}", not a change of it.`,
      'Use a LoRA, or a difference whose metadata say format = delta.',
    )
  if (/^(base_model\.model\.)?text_encoder|^lora_te\d?_/.test(key)) return textEncoder(file, key, weights)
  return unmatched(file, key)
}

function textEncoder(file: string, key: string, weights: ReadonlyMap<string, readonly number[]>): SpqrError {
  const open = [...weights.keys()].some((name) => name.startsWith('text_encoder'))
  return new SpqrError(
    'ADAPTER_UNMATCHED',
    open
      ? `"${file}": the tensor "${key}" changes a layer of the text encoder, under a name that this model's text encoder does not have.`
      : `"${file}": the tensor "${key}" changes the text encoder, and this model's text encoder cannot be changed here.`,
    'Save the adapter with its U-Net part alone, or use one made for this model.',
  )
}

export const unmatched = (file: string, key: string): SpqrError =>
  new SpqrError(
    'ADAPTER_UNMATCHED',
    `"${file}": the tensor "${key}" belongs to no weight of this model.`,
    'The adapter was made for another model; use one made for this model.',
  )

export const misshaped = (file: string, key: string, why: string): SpqrError =>
  new SpqrError(
    'ADAPTER_SHAPE',
    `"${file}": the tensor "${key}" ${why}.`,
    'The adapter was made for another model, or the file is damaged.',
  )
