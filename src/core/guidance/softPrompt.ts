import type { SafetensorsFile } from '../adapters'
import { SpqrError } from '../contracts'
import { exactExp, sigmoid } from '../exact'
import { allFinite } from '../finite'
import { apply, assertLayer, linear, type Linear } from './linear'

/** The token is left out where the gate is less open than this, as published. */
const LEFT_OUT_BELOW = 0.1

/** What of a model a soft prompt is trained for. */
export interface SoftPromptModel {
  /** Id of the pack. */
  id: string
  /** SHA-256 of the text encoder's weights. */
  textEncoder: string
}

/**
 * PromptSafe-style (after arXiv 2508.01272): trained input embeddings p that stand right after the start token, multiplied by
 * the gate g, an MLP's probability that the prompt is forbidden, on the prompt's pooled text; where g < 0.1 they are left out.
 * How they are trained: `models/pictogram/align/promptsafe.py`.
 */
export class SoftPrompt {
  private constructor(
    /** p: [tokens, width]. */
    private readonly soft: Float32Array,
    readonly tokens: number,
    readonly width: number,
    private readonly layers: readonly [Linear, Linear, Linear],
    /** The ONNX graph of the text encoder with the input `soft` [batch, tokens, width]; its weights are the text encoder's. */
    readonly graph: Uint8Array,
  ) {}

  /**
   * @param file its tensors `soft`, `dense1`, `dense2`, `out` and `graph`, and in its metadata the text encoder it belongs to
   * @throws {SpqrError} WEIGHTS_INVALID naming what is missing, broken or of another shape, or the pack that it does not belong to
   */
  static read(file: SafetensorsFile, model: SoftPromptModel): SoftPrompt {
    if (file.metadata['text_encoder'] !== model.textEncoder)
      throw unfit(`it was trained with another text encoder than that of "${model.id}"`)
    const soft = file.tensors.get('soft')
    const [tokens = 0, width = 0] = soft?.shape ?? []
    if (soft?.shape.length !== 2 || tokens < 1 || width < 1) throw unfit('it has no token "soft"')
    const values = soft.floats()
    if (!allFinite(values)) throw unfit('its token holds a value that is no number')
    const [dense1, dense2, out] = [
      linear(file, 'dense1', unfit),
      linear(file, 'dense2', unfit),
      linear(file, 'out', unfit),
    ]
    assertLayer(dense1, 'dense1', [dense1.rows, width], unfit)
    assertLayer(dense2, 'dense2', [dense2.rows, dense1.rows], unfit)
    assertLayer(out, 'out', [2, dense2.rows], unfit)
    const graph = file.tensors.get('graph')
    if (graph?.dtype !== 'U8') throw unfit('it has no graph of the text encoder')
    return new SoftPrompt(values, tokens, width, [dense1, dense2, out], graph.bytes)
  }

  /** g of a prompt's pooled text [width], between 0 and 1. */
  gate(pooled: Float32Array): number {
    const [dense1, dense2, out] = this.layers
    const [harmless = 0, forbidden = 0] = apply(out, apply(dense2, apply(dense1, pooled).map(tanh)).map(tanh))
    return sigmoid(forbidden - harmless)
  }

  /** g·p [tokens, width]; null where the gate is all but closed and the prompt stays as it is. */
  at(gate: number): Float32Array | null {
    return gate < LEFT_OUT_BELOW ? null : this.soft.map((value) => gate * value)
  }
}

/**
 * A prompt's token ids with places for the soft tokens after the start token. A text that no longer fits is cut, and its end token stays.
 * @param ids padded to their full length; @param own how many of them are the text's; @param places at most `ids.length - 2`
 */
export function withPlaces(ids: readonly number[], own: number, places: number): number[] {
  const start = ids.slice(0, 1)
  const made = [...start, ...Array.from({ length: places }, () => start[0] ?? 0), ...ids.slice(1, own)]
  const cut = made.length > ids.length ? [...made.slice(0, ids.length - 1), ...made.slice(-1)] : made
  return [...cut, ...ids.slice(own).slice(0, ids.length - cut.length)]
}

const unfit = (why: string) =>
  new SpqrError('WEIGHTS_INVALID', `The soft prompt does not fit this model: ${why}.`, 'Publish the pack again.')

const tanh = (x: number): number => 1 - 2 / (exactExp(2 * x) + 1)
