/**
 * The judges of a manifest: which network, what it is shown (preprocessing is part of a metric), how its output is read.
 * Every safety judge returns one score per label; `unsafe` names the labels that count.
 */
import * as v from 'valibot'
import { isReserved } from './outside'
import {
  ComponentSchema,
  OnnxFileSchema,
  PackFileSchema,
  TokenizerSchema,
  positiveInteger,
  type PackFile,
} from './parts'

const triple = v.tuple([v.number(), v.number(), v.number()])
const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const filter = v.optional(v.picklist(['bilinear', 'bicubic']))

/**
 * Preprocessing by its named mode; each reproduces a Python reference (src/core/metrics/preprocess.ts, nudenet.ts).
 * Only `rgb-unit` asks for pictures of the judge's own size; all others take any size.
 */
export const PreprocessingSchema = v.variant('mode', [
  /** RGB 0–255 → /255 → (x − mean) / std at the judge's own size. */
  v.strictObject({
    mode: v.literal('rgb-unit'),
    mean: triple,
    std: triple,
    height: positiveInteger,
    width: positiveInteger,
  }),
  /** CLIPImageProcessor: bicubic by the shorter side, centre crop. */
  v.strictObject({ mode: v.literal('clip'), size: positiveInteger, mean: v.optional(triple), std: v.optional(triple) }),
  /** ViTImageProcessor: to size × size, bilinear unless said otherwise. */
  v.strictObject({
    mode: v.literal('vit'),
    size: positiveInteger,
    mean: v.optional(triple),
    std: v.optional(triple),
    filter,
  }),
  /** SiglipImageProcessor, LLaVA-OneVision's single view: bicubic to size × size, mean and deviation ½. */
  v.strictObject({ mode: v.literal('siglip'), size: positiveInteger }),
  /** clean-fid and torch-fidelity: 299 × 299, (x − 128)/128. */
  v.strictObject({ mode: v.literal('clean-fid') }),
  v.strictObject({ mode: v.literal('torch-fidelity') }),
  /** Yahoo's Open NSFW: bilinear to 256 × 256, middle 224, blue-green-red less ImageNet's mean; without its JPEG step. */
  v.strictObject({ mode: v.literal('open-nsfw') }),
  /** NSFWJS: /255, TensorFlow's bilinear with aligned corners to size × size, no antialiasing. */
  v.strictObject({ mode: v.literal('nsfwjs'), size: positiveInteger }),
  /** NudeNet 3.4: square, 320 × 320, blue-green-red as the package feeds it. */
  v.strictObject({ mode: v.literal('nudenet'), channelOrder: v.optional(v.picklist(['bgr', 'rgb'])) }),
])
export type Preprocessing = v.InferOutput<typeof PreprocessingSchema>

/** A pack's own component (weights as safetensors), or a published ONNX file. */
export const JudgeGraphSchema = v.union([ComponentSchema, OnnxFileSchema])
export type JudgeGraph = v.InferOutput<typeof JudgeGraphSchema>

const judgeCommon = {
  id: v.pipe(
    v.string(),
    v.check((id) => !isReserved(id), 'it is a name that no judge may have'),
  ),
  title: v.string(),
  licence: v.string(),
  source: v.string(),
  preprocessing: PreprocessingSchema,
  /** What a reader of the numbers must know, in a sentence or two. */
  note: v.optional(v.string()),
}
const labels = v.pipe(v.array(v.string()), v.minLength(1))

export const SafetyJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('safety-multilabel'),
  model: JudgeGraphSchema,
  /** One sigmoid score per label; the image is unsafe when any score ≥ threshold. */
  labels: v.array(v.string()),
  threshold: v.number(),
  /** Below the threshold of this output the picture is no legible drawing: low confidence. */
  legibility: v.nullable(v.strictObject({ output: v.string(), threshold: v.number() })),
})
/** An image classifier: a probability for each of `labels`; unsafe when a class of `unsafe` reaches the threshold. */
export const ClassifierJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('classifier'),
  model: JudgeGraphSchema,
  labels,
  unsafe: labels,
  threshold: fraction,
  /** Order of the graph's input dimensions; `nchw` unless given. Graphs out of TensorFlow are `nhwc`. */
  layout: v.optional(v.picklist(['nchw', 'nhwc'])),
  /** What the graph's output is: `logits`, which softmax is taken of here, unless given; or softmax' own values. */
  output: v.optional(v.picklist(['logits', 'probabilities'])),
})
/** NudeNet 3.4's detector: the best detection of each class; unsafe when a class of `unsafe` reaches the threshold. */
export const NudeNetJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('nudenet'),
  model: JudgeGraphSchema,
  unsafe: labels,
  threshold: fraction,
})
/** Q16: softmax of a picture's CLIP embedding against two learned vectors, safetensors `prompts` [2, d]: acceptable, inappropriate. */
export const Q16JudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('q16'),
  image: JudgeGraphSchema,
  prompts: PackFileSchema,
  threshold: fraction,
})
/** A vision-language judge: asked in words, its answer parsed strictly. What cannot be parsed is a failed unit. */
export const VisionLanguageJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('vision-language'),
  /** A folder as transformers.js reads it: config.json, tokenizer.json, onnx/… ; paths as listed in `files`. */
  path: v.string(),
  files: v.array(PackFileSchema),
  /** Suffix of the graphs: `fp32` none, `q4f16` …; per part where they differ. */
  dtype: v.union([v.string(), v.record(v.string(), v.string())]),
  /** The policy and the question, put to the model after the picture. */
  prompt: v.pipe(v.string(), v.minLength(1), v.maxLength(20_000)),
  /** `json`: {"rating": "Safe" | "Unsafe", "category": …}; `word`: safe or unsafe. */
  answer: v.picklist(['json', 'word']),
  /** Categories of the policy; an unsafe answer must name one (with `word`: the single label). */
  labels,
  maxNewTokens: v.pipe(positiveInteger, v.maxValue(1000)),
  threshold: fraction,
})
export const ClipJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('P'),
  kind: v.literal('clip'),
  image: JudgeGraphSchema,
  text: JudgeGraphSchema,
  /** Absent: the generator's own tokenizer reads the prompts. */
  tokenizer: v.optional(TokenizerSchema),
  /** Null where nobody has measured one: then only a preset with a ceiling gives P. */
  ceiling: v.nullable(v.strictObject({ value: v.number(), n: positiveInteger, how: v.string() })),
})
export const FeatureJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('Q'),
  kind: v.literal('features'),
  model: JudgeGraphSchema,
  dimension: positiveInteger,
  /** safetensors with `features` [n, dimension] of held-out real pictures; null: the user brings a reference. */
  reference: v.nullable(PackFileSchema),
  /** Frozen FID bounds by sample size: small-sample FID is biased, so the bounds are too. */
  bounds: v.array(v.strictObject({ n: positiveInteger, min: v.number(), max: v.number(), how: v.string() })),
})

const AnyJudgeSchema = v.variant('kind', [
  SafetyJudgeSchema,
  ClassifierJudgeSchema,
  NudeNetJudgeSchema,
  Q16JudgeSchema,
  VisionLanguageJudgeSchema,
  ClipJudgeSchema,
  FeatureJudgeSchema,
])
/** Classes that count must be classes the judge has. */
export const JudgeSchema = v.pipe(
  AnyJudgeSchema,
  v.check(
    (judge) => judge.kind !== 'classifier' || judge.unsafe.every((label) => judge.labels.includes(label)),
    'the unsafe classes must be among the labels',
  ),
)
export type Judge = v.InferOutput<typeof JudgeSchema>
export type SafetyJudge = v.InferOutput<typeof SafetyJudgeSchema>
export type ClassifierJudge = v.InferOutput<typeof ClassifierJudgeSchema>
export type NudeNetJudge = v.InferOutput<typeof NudeNetJudgeSchema>
export type Q16Judge = v.InferOutput<typeof Q16JudgeSchema>
export type VisionLanguageJudge = v.InferOutput<typeof VisionLanguageJudgeSchema>
export type ClipJudge = v.InferOutput<typeof ClipJudgeSchema>
export type FeatureJudge = v.InferOutput<typeof FeatureJudgeSchema>
export type AnySafetyJudge = Extract<Judge, { axis: 'S' }>

const graphFiles = (graph: JudgeGraph): PackFile[] =>
  'graph' in graph ? [graph.graph, graph.weights] : [graph.onnx, ...(graph.data ?? [])]

/** Every file a judge needs before it can look at a picture. */
export function judgeFiles(judge: Judge): PackFile[] {
  switch (judge.kind) {
    case 'vision-language':
      return judge.files
    case 'clip':
      return [...graphFiles(judge.image), ...graphFiles(judge.text), ...(judge.tokenizer?.files ?? [])]
    case 'q16':
      return [...graphFiles(judge.image), judge.prompts]
    case 'features':
      return [...graphFiles(judge.model), ...(judge.reference ? [judge.reference] : [])]
    case 'safety-multilabel':
    case 'classifier':
    case 'nudenet':
      return graphFiles(judge.model)
  }
}
