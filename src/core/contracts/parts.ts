/** What every manifest is made of: files, tensors, graphs, tokenizers. */
import * as v from 'valibot'

export const positiveInteger = v.pipe(v.number(), v.integer(), v.minValue(1))
export const nonNegativeInteger = v.pipe(v.number(), v.integer(), v.minValue(0))
export const Sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'))
/** Relative path without `..`, scheme or leading slash, so that a manifest cannot point elsewhere. */
const relativePath = v.pipe(
  v.string(),
  v.regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[\w./@+-]+$/, 'must be a relative path inside the pack'),
)

export const PackFileSchema = v.strictObject({
  path: relativePath,
  bytes: nonNegativeInteger,
  sha256: Sha256Schema,
})
export type PackFile = v.InferOutput<typeof PackFileSchema>

/** A weight inside the ONNX external-data file: float32, `offset` and `length` in bytes. */
export const ExternalTensorSchema = v.strictObject({
  name: v.string(),
  dims: v.array(nonNegativeInteger),
  offset: nonNegativeInteger,
  length: nonNegativeInteger,
})

export const GraphPortSchema = v.strictObject({
  name: v.string(),
  dtype: v.picklist(['float32', 'float16', 'int64', 'int32']),
  /** A string is a free dimension such as `batch`. */
  dims: v.array(v.union([v.string(), positiveInteger])),
})
export type GraphPort = v.InferOutput<typeof GraphPortSchema>

/** One ONNX graph whose weights are stored beside it as float16 or float32 safetensors. */
export const ComponentSchema = v.strictObject({
  graph: PackFileSchema,
  weights: PackFileSchema,
  externalData: v.strictObject({
    path: relativePath,
    bytes: nonNegativeInteger,
    tensors: v.array(ExternalTensorSchema),
  }),
  inputs: v.array(GraphPortSchema),
  outputs: v.array(GraphPortSchema),
})
export type Component = v.InferOutput<typeof ComponentSchema>

/**
 * A published ONNX file as it is: weights inside, or in external-data files beside it (named as the graph names them).
 * Its ports are read from the graph itself, so that exports that differ in unused outputs all load.
 */
export const OnnxFileSchema = v.strictObject({ onnx: PackFileSchema, data: v.optional(v.array(PackFileSchema)) })

export const TokenizerSchema = v.strictObject({
  path: relativePath,
  files: v.array(PackFileSchema),
  maxLength: positiveInteger,
  padTokenId: nonNegativeInteger,
})
export type TokenizerFiles = v.InferOutput<typeof TokenizerSchema>
