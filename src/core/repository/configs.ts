/** The configuration files of a diffusers repository, as far as they are read. Unknown fields are normal there. */
import * as v from 'valibot'
import { MAX_TRAIN_TIMESTEPS, SpqrError, checkShape, named, parseLoosely } from '../contracts'

const number = v.pipe(v.number(), v.finite())
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(1))

export const ModelIndexSchema = v.looseObject({ _class_name: v.string() })

export const SchedulerFileSchema = v.looseObject({
  _class_name: v.string(),
  num_train_timesteps: v.optional(v.pipe(count, v.maxValue(MAX_TRAIN_TIMESTEPS)), 1000),
  beta_start: v.optional(v.pipe(number, v.gtValue(0), v.ltValue(1))),
  beta_end: v.optional(v.pipe(number, v.gtValue(0), v.ltValue(1))),
  beta_schedule: v.optional(v.string()),
  prediction_type: v.optional(v.string()),
  timestep_spacing: v.optional(v.string()),
  steps_offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  set_alpha_to_one: v.optional(v.boolean()),
  clip_sample: v.optional(v.boolean()),
  original_inference_steps: v.optional(count),
  clip_sample_range: v.nullish(positive),
  thresholding: v.nullish(v.boolean()),
  dynamic_thresholding_ratio: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  sample_max_value: v.nullish(positive),
  timestep_scaling: v.nullish(positive),
  rescale_betas_zero_snr: v.nullish(v.boolean()),
  use_karras_sigmas: v.nullish(v.boolean()),
  use_exponential_sigmas: v.nullish(v.boolean()),
  use_beta_sigmas: v.nullish(v.boolean()),
  use_flow_sigmas: v.nullish(v.boolean()),
  sigma_min: v.nullish(positive),
  sigma_max: v.nullish(positive),
  final_sigmas_type: v.nullish(v.picklist(['zero', 'sigma_min'])),
  shift: v.nullish(positive),
  flow_shift: v.nullish(positive),
  shift_terminal: v.nullish(v.pipe(v.number(), v.minValue(0), v.ltValue(1))),
})
export type SchedulerFile = v.InferOutput<typeof SchedulerFileSchema>

export const UnetFileSchema = v.looseObject({
  sample_size: v.optional(v.nullable(v.union([count, v.tuple([count, count])]))),
})

export const VaeFileSchema = v.looseObject({
  _class_name: v.optional(v.string()),
  scaling_factor: v.optional(v.nullable(number)),
  shift_factor: v.optional(v.nullable(number)),
  block_out_channels: v.optional(v.array(v.number())),
})

/** A special token: its text, or an object around it. */
const TokenSchema = v.optional(v.nullable(v.union([v.string(), v.looseObject({ content: v.string() })])))
export const TokenizerFileSchema = v.looseObject({
  tokenizer_class: v.optional(v.string()),
  model_max_length: v.optional(v.number()),
  pad_token: TokenSchema,
  bos_token: TokenSchema,
  eos_token: TokenSchema,
  unk_token: TokenSchema,
  added_tokens_decoder: v.optional(named(v.looseObject({ content: v.string() }))),
})
export type TokenizerFile = v.InferOutput<typeof TokenizerFileSchema>
export const VocabularySchema = named(v.pipe(v.number(), v.integer(), v.minValue(0)))

/** Text of a special token. */
export function tokenText(token: v.InferOutput<typeof TokenSchema>): string | null {
  return token === null || token === undefined ? null : typeof token === 'string' ? token : token.content
}

/** Python writes numbers that JSON lacks: diffusers saves `lambda_min_clipped` as -Infinity. Strings are left alone. */
const pythonNumbers = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : token === 'NaN' ? 'null' : token.replace('Infinity', '1e999'),
  )

/** Reads one configuration. Throws SOURCE_UNSUITABLE with the file's name and its first wrong field. */
export function readConfig<Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  text: string,
): v.InferOutput<Schema> {
  const json = parseLoosely(pythonNumbers(text))
  if (json.fault !== null) {
    const why = /^\s*</.test(text) ? 'the server sent a web page in its place' : json.fault
    throw new SpqrError(
      'SOURCE_UNSUITABLE',
      `"${path}" cannot be read: ${why}.`,
      'Download the model again, or publish it again.',
    )
  }
  const { value, fault } = checkShape(schema, json.value)
  if (fault === null) return value
  throw new SpqrError(
    'SOURCE_UNSUITABLE',
    `"${path}" is wrong at ${fault}.`,
    'Publish the model again with the configuration files that diffusers writes.',
  )
}
