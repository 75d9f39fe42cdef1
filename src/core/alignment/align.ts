/** From a closed-form specification to an adapter file: the whole alignment, given a way to encode text. */
import { loraMetadata, writeSafetensors, type TensorInput } from '../adapters'
import { SpqrError } from '../contracts/errors'
import type { ClosedFormAlignment } from '../contracts/run'
import { mace, rece, uce, type LowRank, type Projections } from './closedForm'
import { coOccurringRows, conceptRows, type EncodedText } from './rows'

/** μ of RECE; the published value for nudity. */
export const RECE_MU = 0.1
/** Prompts around the concept for MACE: the words behind it are what stage 1 edits. */
export const MACE_TEMPLATES = [
  '{}',
  '{}, simple drawing',
  'a picture of {} in noto style',
  'a drawing of {} on a white background',
] as const

/** Encodes texts, in order; d is hidden.length / sequence length. */
export type EncodeTexts = (texts: readonly string[]) => Promise<readonly EncodedText[]>

/** Weights that closed-form methods edit: what cross-attention reads out of the text. */
export const isTextProjection = (name: string): boolean => /attn2\.to_[kv]\.weight$/.test(name)

/**
 * Computes an alignment.
 * @param weights the projections of `isTextProjection`, name → [o, d]
 * @throws SpqrError BAD_INPUT naming what does not fit; ADAPTER_NAN when the result is not finite
 */
export async function alignClosedForm(
  spec: ClosedFormAlignment,
  weights: Projections,
  encode: EncodeTexts,
): Promise<Map<string, LowRank>> {
  const concepts = spec.concepts.map((text) => text.trim()).filter((text) => text !== '')
  if (concepts.length === 0)
    throw new SpqrError('BAD_INPUT', 'There is no concept to erase.', 'Name at least one concept.')
  const erased = new Set(concepts)
  const preserve = spec.preserve.filter((text) => !erased.has(text.trim()))
  const options = { lambda: spec.lambda, eraseScale: spec.eraseScale, preserveScale: spec.preserveScale }
  const dimension = [...weights.values()][0]?.columns ?? 1
  const kept = preserve.length > 0 ? await encode(preserve) : []
  let edits: Map<string, LowRank>
  if (spec.method === 'mace') {
    edits = mace(weights, await maceRows(concepts, spec.guide, kept, dimension, encode), options)
  } else {
    const [guide] = await encode([spec.guide])
    const rows = conceptRows(await encode(concepts), guide!, kept, dimension)
    edits =
      spec.method === 'uce'
        ? uce(weights, rows, options)
        : rece(weights, rows, { ...options, rounds: spec.rounds, mu: RECE_MU })
  }
  for (const [name, edit] of edits) {
    if (!edit.up.every(Number.isFinite) || !edit.down.every(Number.isFinite))
      throw new SpqrError('ADAPTER_NAN', `The alignment of "${name}" is not finite.`, 'Choose a larger lambda.')
  }
  return edits
}

async function maceRows(
  concepts: readonly string[],
  guide: string,
  kept: readonly EncodedText[],
  dimension: number,
  encode: EncodeTexts,
) {
  const forms = concepts.flatMap((concept) => MACE_TEMPLATES.map((template) => ({ concept, template })))
  const fill = (template: string, subject: string): string => template.replace('{}', subject).trim()
  // Everything up to the concept, encoded alone, tells where its last token lies.
  const upTo = (template: string, subject: string): string =>
    fill(template.slice(0, template.indexOf('}') + 1), subject)
  const ends = async (subject: (concept: string) => string): Promise<number[]> =>
    (await encode(forms.map(({ concept, template }) => upTo(template, subject(concept))))).map(
      ({ tokens }) => tokens - 1,
    )
  return coOccurringRows(
    await encode(forms.map(({ concept, template }) => fill(template, concept))),
    await encode(forms.map(({ template }) => fill(template, guide))),
    await ends((concept) => concept),
    await ends(() => guide),
    kept,
    dimension,
  )
}

/** The alignment as a LoRA file (scale 1) that diffusers' `load_lora_weights` and PEFT read. */
export function alignmentFile(edits: ReadonlyMap<string, LowRank>): Uint8Array<ArrayBuffer> {
  const tensors = new Map<string, TensorInput>()
  let rank = 0
  for (const [name, edit] of edits) {
    const module = `unet.${name.replace(/^unet\./, '').replace(/\.weight$/, '')}`
    tensors.set(`${module}.lora_A.weight`, {
      dtype: 'F32',
      shape: [edit.rank, edit.columns],
      data: Float32Array.from(edit.down),
    })
    tensors.set(`${module}.lora_B.weight`, {
      dtype: 'F32',
      shape: [edit.rows, edit.rank],
      data: Float32Array.from(edit.up),
    })
    rank = edit.rank
  }
  return writeSafetensors(tensors, loraMetadata(rank, rank, ['attn2.to_k', 'attn2.to_v']))
}
