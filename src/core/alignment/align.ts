/** From a closed-form specification to an adapter file: the whole alignment, given a way to encode text. */
import { loraMetadata, writeSafetensors, type TensorInput } from '../adapters'
import { SpqrError } from '../contracts/errors'
import type { ClosedFormAlignment } from '../contracts/run'
import type { ClosedFormId } from '../methods'
import type { EditOptions, LowRank, Projections } from './closedForm'
import { mace, maceRows } from './mace'
import { rece, RECE_MU } from './rece'
import { conceptRows, type EncodedText, type EncodeTexts } from './rows'
import { speed } from './speed'
import { uce } from './uce'

/** Weights that closed-form methods edit: what cross-attention reads out of the text. */
export const isTextProjection = (name: string): boolean => /attn2\.to_[kv]\.weight$/.test(name)

/** What a method is given: concepts that are not blank, and the embeddings of what is to be kept. */
interface AlignmentInput {
  weights: Projections
  concepts: readonly string[]
  guide: string
  kept: readonly EncodedText[]
  /** Width of a token embedding. */
  dimension: number
  options: EditOptions
  rounds: number
  encode: EncodeTexts
}
type Algorithm = (input: AlignmentInput) => Promise<Map<string, LowRank>>

/** Rows of whole concepts, each towards the guide. */
async function guidedRows({ concepts, guide, kept, dimension, encode }: AlignmentInput) {
  const [target] = await encode([guide])
  return conceptRows(await encode(concepts), target!, kept, dimension)
}

/** The algorithm of every closed-form method of the table. */
const ALGORITHMS: Record<ClosedFormId, Algorithm> = {
  uce: async (input) => uce(input.weights, await guidedRows(input), input.options),
  rece: async (input) =>
    rece(input.weights, await guidedRows(input), { ...input.options, rounds: input.rounds, mu: RECE_MU }),
  mace: async ({ weights, concepts, guide, kept, dimension, options, encode }) =>
    mace(weights, await maceRows(concepts, guide, kept, dimension, encode), options),
  speed: async (input) => {
    const [empty] = await input.encode([''])
    const invariant = empty!.hidden
    return speed(input.weights, await guidedRows(input), {
      ...input.options,
      concepts: input.concepts.length,
      invariant,
    })
  },
}

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
  const edits = await ALGORITHMS[spec.method]({
    weights,
    concepts,
    guide: spec.guide,
    kept: preserve.length > 0 ? await encode(preserve) : [],
    dimension: [...weights.values()][0]?.columns ?? 1,
    options: { lambda: spec.lambda, eraseScale: spec.eraseScale, preserveScale: spec.preserveScale },
    rounds: spec.rounds,
    encode,
  })
  for (const [name, edit] of edits) {
    if (!edit.up.every(Number.isFinite) || !edit.down.every(Number.isFinite))
      throw new SpqrError('ADAPTER_NAN', `The alignment of "${name}" is not finite.`, 'Choose a larger lambda.')
  }
  return edits
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
