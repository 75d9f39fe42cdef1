/**
 * A model as it is published, not as a pack: ONNX files with their weights inside or beside them. The manifest of such a
 * model is derived from the repository itself and pinned to a revision.
 */
import * as v from 'valibot'
import { GraphPortSchema, nonNegativeInteger } from './parts'

/** Path inside the repository; names on the hub may hold spaces. */
const repositoryPath = v.pipe(
  v.string(),
  v.regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\:]+$/, 'must be a relative path inside the repository'),
)

export const RepositoryFileSchema = v.strictObject({
  path: repositoryPath,
  bytes: nonNegativeInteger,
  /** Null where the source does not tell it. */
  sha256: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
})
export type RepositoryFile = v.InferOutput<typeof RepositoryFileSchema>

/** A weight an adapter can change: it is stored as float32 or float16 under its own name. */
export const OnnxWeightSchema = v.strictObject({
  name: v.string(),
  dims: v.array(nonNegativeInteger),
  dtype: v.picklist(['F32', 'F16', 'BF16']),
  /** External file as the graph names it; '' inside the graph. */
  location: v.string(),
  offset: nonNegativeInteger,
  length: nonNegativeInteger,
})
export type OnnxWeight = v.InferOutput<typeof OnnxWeightSchema>

/** One published ONNX graph with everything it needs. */
export const OnnxComponentSchema = v.strictObject({
  onnx: RepositoryFileSchema,
  /** External data: `location` is what the graph calls it. */
  data: v.array(v.strictObject({ location: v.string(), file: RepositoryFileSchema })),
  weights: v.array(OnnxWeightSchema),
  /** Of the arithmetic: the type that most weights have. */
  precision: v.picklist(['float32', 'float16', 'quantised']),
  inputs: v.array(GraphPortSchema),
  outputs: v.array(GraphPortSchema),
})
export type OnnxComponent = v.InferOutput<typeof OnnxComponentSchema>

/** A tokenizer as published: tokenizer.json, or CLIP's vocab.json and merges.txt. */
export const RepositoryTokenizerSchema = v.strictObject({
  repository: v.literal(true),
  files: v.strictObject({
    config: v.nullable(RepositoryFileSchema),
    json: v.nullable(RepositoryFileSchema),
    vocabulary: v.nullable(RepositoryFileSchema),
    merges: v.nullable(RepositoryFileSchema),
  }),
  maxLength: v.pipe(v.number(), v.integer(), v.minValue(2)),
  padTokenId: nonNegativeInteger,
})
export type RepositoryTokenizer = v.InferOutput<typeof RepositoryTokenizerSchema>

/** A file as the engine's worker receives it: a browser's Blob or File (core itself knows no DOM). */
export interface ChosenFile {
  path: string
  blob: { readonly size: number }
}

/** A published model in the place of the pack's own generator: where it is, and in which precision. */
export interface ModelChoice {
  source:
    /** As typed: `hf:owner/name@revision/subfolder`, a hub page, a web folder. The token is kept in memory only. */
    | { kind: 'address'; text: string; endpoint: string; token: string | null }
    | { kind: 'folder'; name: string; files: readonly ChosenFile[] }
  /** What file names say of the precision, such as `fp16`; null: the plain files. */
  variant: string | null
}
