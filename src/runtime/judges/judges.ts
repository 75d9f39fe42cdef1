/**
 * The judges of a manifest: one run per batch, raw scores. Probabilities and cosines are kept to 1e-4, features to
 * 1e-3, so that a share link carries them exactly. A picture whose score is no finite number is an error, never safe.
 */
import { FEATURE_STEPS, PROBABILITY_STEPS, onGrid } from '../../core/scoring/grid'
import {
  SpqrError,
  reviveError,
  type FeatureJudge,
  type Judge,
  type Judgement,
  type SafetyJudge,
} from '../../core/contracts'
import { sigmoid } from '../../core/exact'
import {
  cosineSimilarity,
  nudeNetDetections,
  nudeNetScore,
  NUDENET_LABELS,
  q16Probability,
  type RgbImage,
} from '../../core/metrics'
import type { Floats, Graph } from '../generator/graph'
import { classProbabilities } from './classProbabilities'
import { pixelValues } from './judgeInputs'
import type { PackTokenizer } from '../generator/tokenizer'

export interface JudgedPicture extends RgbImage {
  text: string
  /** Of a neighbour: the name of what it should show, among all names that a prompt judge is to choose from. */
  named?: { own: string; names: readonly string[] }
}
/** What a judge says of one picture, or why it can say nothing. */
export type Answer = Judgement | SpqrError

/** A judge that is loaded, whatever its network. */
export interface LoadedJudge {
  judge: Judge
  /** One answer per picture. Throws when the judge itself does not work (GRAPH_MISMATCH, MEMORY, …). */
  judgeAll(pictures: readonly JudgedPicture[]): Promise<Answer[]>
  release(): Promise<void>
}
type NetworkJudge = Exclude<Judge, { kind: 'vision-language' }>

const probability = (value: number): number => onGrid(value, PROBABILITY_STEPS)

/**
 * onnxruntime multiplies a single row by another routine, which adds in another order: alone, a picture would score
 * differently in the last bits than beside others, and a run would depend on its batch size.
 */
const LEAST_BATCH = 2
/** `items` filled up to `size` with the last one; the surplus rows of the result are not read. */
const filled = <T>(items: readonly T[], size: number): T[] => [
  ...items,
  ...new Array<T>(Math.max(0, size - items.length)).fill(items[items.length - 1]!),
]

/** What a judge needs beside its image network. */
export interface JudgeParts {
  image: Graph
  /** CLIP's text side and the tokenizer that it was trained with. */
  text: Graph | null
  tokenizer: PackTokenizer | null
  /** Q16's two vectors: acceptable, inappropriate. */
  prompts?: readonly [Float32Array, Float32Array] | null
}

export class JudgeRunner implements LoadedJudge {
  private readonly textEmbeds = new Map<string, Float32Array>()

  constructor(
    readonly judge: NetworkJudge,
    private readonly parts: JudgeParts,
  ) {}

  async judgeAll(pictures: readonly JudgedPicture[]): Promise<Answer[]> {
    const answers: Answer[] = []
    const input = this.parts.image.component.inputs[0]
    if (!input)
      throw new SpqrError('GRAPH_MISMATCH', `The network of judge ${this.judge.id} has no input.`, 'Export it again.')
    const [fixed] = input.dims
    const size = typeof fixed === 'number' ? fixed : Math.max(LEAST_BATCH, pictures.length)
    for (let start = 0; start < pictures.length; start += size) {
      const part = pictures.slice(start, start + size)
      const outputs = await this.parts.image.run({
        [input.name]: pixelValues(filled(part, size), this.judge.preprocessing, layoutOf(this.judge)),
      })
      answers.push(...(await this.read(outputs, part, size)))
    }
    return answers
  }

  async release(): Promise<void> {
    await this.parts.image.release()
    await this.parts.text?.release()
  }

  private async read(
    outputs: Record<string, Floats>,
    pictures: readonly JudgedPicture[],
    count: number,
  ): Promise<Answer[]> {
    const { judge } = this
    switch (judge.kind) {
      case 'safety-multilabel':
        return readSafety(judge, outputs, pictures, count)
      case 'classifier': {
        const values = rows(judge, outputs, 'logits', count, judge.labels.length, 'labels')
        const read = classProbabilities(judge, values)
        return each(pictures, (i) => labelled(read(finite(judge, values[i]!))))
      }
      case 'nudenet': {
        const boxes = rows(judge, outputs, 'output0', count)
        return each(pictures, (i, { width, height }) => {
          const found = nudeNetDetections(finite(judge, boxes[i]!), width, height)
          return labelled(NUDENET_LABELS.map((label) => nudeNetScore(found, [label])))
        })
      }
      case 'q16': {
        const { prompts } = this.parts
        if (!prompts) throw new SpqrError('JUDGE_FAILED', `Judge ${judge.id} has no prompt vectors.`, 'Load it again.')
        const images = rows(judge, outputs, 'image_embeds', count, prompts[0].length, 'values of its prompt vectors')
        return each(pictures, (i) => labelled([q16Probability(finite(judge, images[i]!), prompts)]))
      }
      case 'features':
        return readFeatures(judge, outputs, pictures, count)
      case 'clip': {
        const texts = await this.embedTexts(pictures.map(({ text }) => text))
        const images = rows(judge, outputs, 'image_embeds', count, texts[0]!.length, 'values of its text side')
        const named = await this.embedNames(pictures)
        return each(pictures, (i, picture) => ({
          kind: 'clip',
          cosine: cosine(finite(judge, images[i]!), finite(judge, texts[i]!)),
          ...(picture.named ? { rank: rankOf(finite(judge, images[i]!), picture.named, named) } : {}),
        }))
      }
    }
  }

  /** The names that some of the pictures are to be told by, a part at a time: there may be hundreds. */
  private async embedNames(pictures: readonly JudgedPicture[]): Promise<Map<string, Float32Array>> {
    const names = [...new Set(pictures.flatMap(({ named }) => (named ? [...named.names, named.own] : [])))]
    const embeds = new Map<string, Float32Array>()
    for (let from = 0; from < names.length; from += NAMES_AT_ONCE) {
      const part = names.slice(from, from + NAMES_AT_ONCE)
      const found = await this.embedTexts(part)
      part.forEach((name, i) => embeds.set(name, finite(this.judge, found[i]!)))
    }
    return embeds
  }

  /** CLIP's text side, each distinct prompt once. */
  private async embedTexts(texts: readonly string[]): Promise<Float32Array[]> {
    const {
      parts: { text, tokenizer },
      judge,
    } = this
    if (!text || !tokenizer)
      throw new SpqrError(
        'JUDGE_FAILED',
        `Judge ${judge.id} has no ${text ? 'tokenizer' : 'text side'}.`,
        'Add it to the manifest of the judge.',
      )
    const fresh = [...new Set(texts)].filter((one) => !this.textEmbeds.has(one))
    if (fresh.length > 0) {
      const encoded = filled(fresh, LEAST_BATCH).map((one) => tokenizer.encode(one))
      const dims = [encoded.length, tokenizer.maxLength]
      const outputs = await text
        .run({
          input_ids: { data: encoded.flatMap(({ ids }) => ids), dims },
          attention_mask: { data: encoded.flatMap(({ ids, tokens }) => ids.map((_, k) => (k < tokens ? 1 : 0))), dims },
        })
        .catch((thrown: unknown) => {
          throw ofAnotherModel(judge, reviveError(thrown))
        })
      const embeds = rows(judge, outputs, 'text_embeds', encoded.length)
      fresh.forEach((one, i) => this.textEmbeds.set(one, embeds[i]!))
    }
    return texts.map((one) => this.textEmbeds.get(one)!)
  }
}

const NAMES_AT_ONCE = 32

/** The place of `own` among the picture's names by their cosine, nearest first; `embeds` may hold more: 1 is CLIP's zero-shot answer. */
function rankOf(
  image: Float32Array,
  { own, names }: NonNullable<JudgedPicture['named']>,
  embeds: ReadonlyMap<string, Float32Array>,
): number {
  const ours = cosineSimilarity(image, embeds.get(own)!)
  let rank = 1
  for (const name of new Set(names)) if (name !== own && cosineSimilarity(image, embeds.get(name)!) >= ours) rank++
  return rank
}

const layoutOf = (judge: Judge): 'nchw' | 'nhwc' => (judge.kind === 'classifier' ? (judge.layout ?? 'nchw') : 'nchw')

/** A token beyond the vocabulary means that the tokenizer belongs to another model. */
function ofAnotherModel({ id }: Judge, error: SpqrError): SpqrError {
  if (!/indices element out of data bounds/i.test(error.message)) return error
  return new SpqrError(
    'JUDGE_FAILED',
    `The text side of judge ${id} does not know the tokens it is given: the tokenizer belongs to another model.`,
    'Give the judge the tokenizer it was trained with.',
  )
}

/** One answer per picture; what is wrong with one picture's scores stays with that picture. */
function each(pictures: readonly JudgedPicture[], read: (i: number, picture: JudgedPicture) => Judgement): Answer[] {
  return pictures.map((picture, i) => {
    try {
      return read(i, picture)
    } catch (thrown) {
      return reviveError(thrown)
    }
  })
}

const labelled = (scores: readonly number[]): Judgement => ({
  kind: 'safety-multilabel',
  scores: scores.map(probability),
  legible: null,
})

function finite({ id }: Judge, row: Float32Array): Float32Array {
  if (!row.every(Number.isFinite))
    throw new SpqrError('JUDGE_FAILED', `Judge ${id} gave a score that is not a finite number.`)
  return row
}

/** Output `name` (or the only one) cut into one row per picture of `width` values, as the manifest promises of `what`. */
function rows(
  { id }: Judge,
  outputs: Record<string, Floats>,
  name: string,
  count: number,
  width?: number,
  what = 'values',
): Float32Array[] {
  const output = outputs[name] ?? (Object.keys(outputs).length === 1 ? Object.values(outputs)[0] : undefined)
  if (!output || output.dims[0] !== count) {
    throw new SpqrError(
      'GRAPH_MISMATCH',
      `Judge ${id} has no output "${name}" with one row per picture; its outputs are ${Object.keys(outputs).join(', ') || 'none'}.`,
      "Give the graph that the judge's manifest describes.",
    )
  }
  const length = output.data.length / count
  if (width !== undefined && length !== width) {
    throw new SpqrError(
      'GRAPH_MISMATCH',
      `Judge ${id} gives ${length} numbers per picture for ${width} ${what}.`,
      'Graph and manifest are of different models; take both from one place.',
    )
  }
  return Array.from({ length: count }, (_, i) => output.data.slice(i * length, (i + 1) * length))
}

/** Scores named `logits` are put through the sigmoid, with the legibility beside them; `scores` are probabilities. */
function readSafety(
  judge: SafetyJudge,
  outputs: Record<string, Floats>,
  pictures: readonly JudgedPicture[],
  count: number,
): Answer[] {
  const fromLogits = 'logits' in outputs
  const score = (x: number) => probability(fromLogits ? sigmoid(x) : x)
  const scores = rows(judge, outputs, fromLogits ? 'logits' : 'scores', count, judge.labels.length, 'labels')
  const legible = judge.legibility ? rows(judge, outputs, judge.legibility.output, count) : null
  return each(pictures, (i) => ({
    kind: 'safety-multilabel',
    scores: Array.from(finite(judge, scores[i]!), score),
    legible: legible ? score(finite(judge, legible[i]!)[0]!) : null,
  }))
}

function readFeatures(
  judge: FeatureJudge,
  outputs: Record<string, Floats>,
  pictures: readonly JudgedPicture[],
  count: number,
): Answer[] {
  const features = rows(judge, outputs, 'features', count, judge.dimension, 'features of its manifest')
  return each(pictures, (i) => ({
    kind: 'features',
    features: Array.from(finite(judge, features[i]!), (value) => onGrid(value, FEATURE_STEPS)),
  }))
}

function cosine(image: Float32Array, text: Float32Array): number {
  try {
    return probability(cosineSimilarity(image, text))
  } catch {
    throw new SpqrError('JUDGE_FAILED', 'An embedding of the prompt judge is zero.')
  }
}
