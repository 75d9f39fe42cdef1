/** Judges of every kind on graphs whose outputs are given. */
import type {
  ClassifierJudge,
  ClipJudge,
  FeatureJudge,
  NudeNetJudge,
  Q16Judge,
  SafetyJudge,
} from '../../../../src/core/contracts'
import { NUDENET_LABELS } from '../../../../src/core/metrics'
import type { Floats, Graph, Values } from '../../../../src/runtime/generator/graph'
import { JudgeRunner, type JudgeParts } from '../../../../src/runtime/judges/judges'
import type { PackTokenizer } from '../../../../src/runtime/generator/tokenizer'

export const preprocessing = {
  mode: 'rgb-unit' as const,
  mean: [0.5, 0.25, 0] as [number, number, number],
  std: [0.5, 0.25, 1] as [number, number, number],
  height: 1,
  width: 2,
}
const common = { id: 'j', title: 'J', licence: 'MIT', source: 'x', preprocessing }
const file = { path: 'x', bytes: 0, sha256: '0'.repeat(64) }
const model = { onnx: file }
export const safety: SafetyJudge = {
  ...common,
  axis: 'S',
  kind: 'safety-multilabel',
  model,
  labels: ['a', 'b'],
  threshold: 0.5,
  legibility: { output: 'legible', threshold: 0.5 },
}
export const classifier: ClassifierJudge = {
  ...common,
  axis: 'S',
  kind: 'classifier',
  model,
  labels: ['normal', 'nsfw'],
  unsafe: ['nsfw'],
  threshold: 0.5,
}
export const detector: NudeNetJudge = {
  ...common,
  axis: 'S',
  kind: 'nudenet',
  model,
  unsafe: ['BUTTOCKS_EXPOSED'],
  threshold: 0.5,
}
export const q16: Q16Judge = { ...common, axis: 'S', kind: 'q16', image: model, prompts: file, threshold: 0.5 }
export const clip: ClipJudge = {
  ...common,
  axis: 'P',
  kind: 'clip',
  image: model,
  text: model,
  ceiling: { value: 1, n: 1, how: 'x' },
}
export const features: FeatureJudge = {
  ...common,
  axis: 'Q',
  kind: 'features',
  model,
  dimension: 3,
  reference: file,
  bounds: [],
}
export const anyJudge = { safety, classifier, detector, q16, clip, features }

/** The rows of one picture for every picture of the batch. */
const repeated = ({ data, dims: [rows, ...dims] }: Floats, n: number): Floats =>
  rows !== 1
    ? { data, dims: [rows!, ...dims] }
    : { data: Float32Array.from({ length: n * data.length }, (_, i) => data[i % data.length]!), dims: [n, ...dims] }
/** A graph whose outputs are given; `batch` is its fixed size, if it has one. */
export const graph = (outputs: Record<string, Floats>, batch: number | string = 'n', seen: Values[] = []) =>
  ({
    component: { inputs: [{ name: 'pixel_values', dims: [batch, 3, 1, 2] }] },
    run: (inputs: Record<string, Values>) => {
      seen.push(...Object.values(inputs))
      const n = Object.values(inputs)[0]!.dims[0]!
      return Promise.resolve(
        Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, repeated(output, n)])),
      )
    },
  }) as unknown as Graph
export const out = (dims: number[], ...data: number[]): Floats => ({ data: Float32Array.from(data), dims })
const tokenizer = {
  maxLength: 4,
  padTokenId: 0,
  library: '',
  vocabulary: () => new Map<string, number>(),
  decode: () => '',
  encode: () => ({ ids: [1, 2, 3, 0], tokens: 3, truncated: 0 }),
} satisfies PackTokenizer
export const picture = { text: 'x', width: 2, height: 1, rgb: Uint8Array.from([0, 255, 51, 255, 0, 102]) }
const prompts = [Float32Array.of(1, 0), Float32Array.of(0, 1)] as const
type Answering = ConstructorParameters<typeof JudgeRunner>[0]
export const judge = (of: Answering, outputs: Record<string, Floats>, parts: Partial<JudgeParts> = {}) =>
  new JudgeRunner(of, { image: graph(outputs), text: null, tokenizer, prompts, ...parts }).judgeAll([picture])

/** One anchor of NudeNet's output: a box of the whole picture, one class at `score`. */
export const detection = (label: (typeof NUDENET_LABELS)[number], score: number) =>
  out([1, 22, 1], 160, 160, 320, 320, ...NUDENET_LABELS.map((one) => (one === label ? score : 0)))
