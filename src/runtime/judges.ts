/**
 * The judges of a manifest: preprocessing by its named mode, one run per batch, raw scores. Probabilities and cosines
 * are kept to 1e-4, features to 1e-3, so that a share link carries them exactly.
 */
import { SpqrError, type ClipJudge, type FeatureJudge, type Judge, type Judgement, type Preprocessing, type SafetyJudge } from '../core/contracts'
import type { Floats, Graph } from './graph'
import type { PackTokenizer } from './tokenizer'

export interface JudgedPicture { text: string; width: number; height: number; rgb: Uint8Array }

export const PROBABILITY_STEPS = 1e4
export const FEATURE_STEPS = 1e3
/** The nearest multiple of 1/steps, never −0. */
export const onGrid = (value: number, steps: number): number => Math.round(value * steps) / steps + 0

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** Mode `rgb-unit`: RGB 0–255 → /255 → (x − mean) / std, as [n, 3, height, width]; pictures come in the judge's size. */
export function pixelValues(pictures: readonly JudgedPicture[], preprocessing: Preprocessing): Float32Array {
  const { mean, std, height, width } = preprocessing
  const area = height * width
  const values = new Float32Array(pictures.length * 3 * area)
  pictures.forEach(({ rgb }, n) => {
    for (let c = 0; c < 3; c++) {
      const base = (3 * n + c) * area
      for (let i = 0; i < area; i++) values[base + i] = (rgb[3 * i + c]! / 255 - mean[c]!) / std[c]!
    }
  })
  return values
}

/** Whether a judge can look at a picture of this size; an error for this picture otherwise. */
export function assertSize(judge: Judge, picture: JudgedPicture): void {
  const { height, width } = judge.preprocessing
  if (picture.height !== height || picture.width !== width || picture.rgb.length !== 3 * height * width) {
    throw new SpqrError('BAD_INPUT', `Judge ${judge.id} looks at pictures of ${width}×${height} pixels, this one has ${picture.width}×${picture.height}.`, 'Scale the picture to that size first.')
  }
}

export interface JudgeGraphs { image: Graph; text: Graph | null }

export class JudgeRunner {
  private readonly textEmbeds = new Map<string, Float32Array>()

  constructor(readonly judge: Judge, private readonly graphs: JudgeGraphs, private readonly tokenizer: PackTokenizer) {}

  /** One judgement per picture; throws JUDGE_FAILED when a score is no finite number. */
  async judgeAll(pictures: readonly JudgedPicture[]): Promise<Judgement[]> {
    const { judge, graphs } = this
    const { preprocessing } = judge
    const name = graphs.image.component.inputs[0]!.name
    const outputs = await graphs.image.run({
      [name]: { data: pixelValues(pictures, preprocessing), dims: [pictures.length, 3, preprocessing.height, preprocessing.width] },
    })
    return this.read(judge, outputs, pictures)
  }

  async release(): Promise<void> {
    await this.graphs.image.release()
    await this.graphs.text?.release()
  }

  private async read(judge: Judge, outputs: Record<string, Floats>, pictures: readonly JudgedPicture[]): Promise<Judgement[]> {
    switch (judge.kind) {
      case 'safety-multilabel': return readSafety(judge, outputs, pictures.length)
      case 'features': return readFeatures(judge, outputs, pictures.length)
      case 'clip': return readCosines(judge, outputs, await this.embedTexts(pictures.map(({ text }) => text)))
    }
  }

  /** CLIP's text side, each distinct prompt once. */
  private async embedTexts(texts: readonly string[]): Promise<Float32Array[]> {
    const { text } = this.graphs
    if (!text) throw new SpqrError('JUDGE_FAILED', `Judge ${this.judge.id} has no text side.`)
    const fresh = [...new Set(texts)].filter((one) => !this.textEmbeds.has(one))
    if (fresh.length > 0) {
      const ids = fresh.flatMap((one) => this.tokenizer.encode(one).ids)
      const outputs = await text.run({ input_ids: { data: ids, dims: [fresh.length, this.tokenizer.maxLength] } })
      const embeds = rows(this.judge, outputs, 'text_embeds', fresh.length)
      fresh.forEach((one, i) => this.textEmbeds.set(one, embeds[i]!))
    }
    return texts.map((one) => this.textEmbeds.get(one)!)
  }
}

/** Output `name` (or the only one) cut into one row per picture, checked to be finite. */
function rows(judge: Judge, outputs: Record<string, Floats>, name: string, count: number): Float32Array[] {
  const output = outputs[name] ?? (Object.keys(outputs).length === 1 ? Object.values(outputs)[0] : undefined)
  if (!output || output.dims[0] !== count) throw new SpqrError('GRAPH_MISMATCH', `Judge ${judge.id} has no output "${name}" with one row per picture.`, 'Publish the pack again.')
  if (!output.data.every(Number.isFinite)) throw new SpqrError('JUDGE_FAILED', `Judge ${judge.id} gave a score that is not a finite number.`)
  const width = output.data.length / count
  return Array.from({ length: count }, (_, i) => output.data.slice(i * width, (i + 1) * width))
}

/** Scores named `logits` are put through the sigmoid, with the legibility beside them; `scores` are probabilities. */
function readSafety(judge: SafetyJudge, outputs: Record<string, Floats>, count: number): Judgement[] {
  const fromLogits = 'logits' in outputs
  const probability = (x: number) => onGrid(fromLogits ? sigmoid(x) : x, PROBABILITY_STEPS)
  const scores = rows(judge, outputs, fromLogits ? 'logits' : 'scores', count)
  const legible = judge.legibility ? rows(judge, outputs, judge.legibility.output, count) : null
  return scores.map((row, i) => {
    if (row.length !== judge.labels.length) throw new SpqrError('GRAPH_MISMATCH', `Judge ${judge.id} gives ${row.length} scores for ${judge.labels.length} labels.`, 'Publish the pack again.')
    return { kind: 'safety-multilabel', scores: Array.from(row, probability), legible: legible ? probability(legible[i]![0]!) : null }
  })
}

function readFeatures(judge: FeatureJudge, outputs: Record<string, Floats>, count: number): Judgement[] {
  return rows(judge, outputs, 'features', count).map((row) => {
    if (row.length !== judge.dimension) throw new SpqrError('GRAPH_MISMATCH', `Judge ${judge.id} gives ${row.length} features, its manifest says ${judge.dimension}.`, 'Publish the pack again.')
    return { kind: 'features', features: Array.from(row, (value) => onGrid(value, FEATURE_STEPS)) }
  })
}

function readCosines(judge: ClipJudge, outputs: Record<string, Floats>, texts: readonly Float32Array[]): Judgement[] {
  return rows(judge, outputs, 'image_embeds', texts.length).map((image, i) => ({ kind: 'clip', cosine: onGrid(cosine(image, texts[i]!), PROBABILITY_STEPS) }))
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  const value = dot / Math.sqrt(aa * bb)
  if (!Number.isFinite(value)) throw new SpqrError('JUDGE_FAILED', 'An embedding of the prompt judge is zero.')
  return value
}
