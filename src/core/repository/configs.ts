/** The configuration files of a diffusers repository, as far as they are read. Unknown fields are normal there. */
import * as v from 'valibot'
import { SpqrError } from '../contracts'

const number = v.pipe(v.number(), v.finite())
const count = v.pipe(v.number(), v.integer(), v.minValue(1))

export const ModelIndexSchema = v.looseObject({ _class_name: v.string() })

export const SchedulerFileSchema = v.looseObject({
  _class_name: v.string(),
  num_train_timesteps: v.optional(count, 1000),
  beta_start: v.optional(number),
  beta_end: v.optional(number),
  beta_schedule: v.optional(v.string()),
  prediction_type: v.optional(v.string()),
  timestep_spacing: v.optional(v.string()),
  steps_offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  set_alpha_to_one: v.optional(v.boolean()),
  clip_sample: v.optional(v.boolean()),
  original_inference_steps: v.optional(count),
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
  added_tokens_decoder: v.optional(v.record(v.string(), v.looseObject({ content: v.string() }))),
})
export type TokenizerFile = v.InferOutput<typeof TokenizerFileSchema>
export const VocabularySchema = v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(0)))

/** Text of a special token. */
export function tokenText(token: v.InferOutput<typeof TokenSchema>): string | null {
  return token === null || token === undefined ? null : typeof token === 'string' ? token : token.content
}

/** Reads one configuration. Throws SOURCE_UNSUITABLE with the file's name and its first wrong field. */
export function readConfig<Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  text: string,
): v.InferOutput<Schema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    const page = /^\s*</.test(text) ? ': the server sent a web page in its place' : ''
    throw new SpqrError(
      'SOURCE_UNSUITABLE',
      `"${path}" is no valid JSON${page}.`,
      'Download the model again, or publish it again.',
    )
  }
  const result = v.safeParse(schema, json)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new SpqrError(
    'SOURCE_UNSUITABLE',
    `"${path}" is wrong at "${v.getDotPath(issue) ?? 'its root'}": ${issue.message}.`,
    'Publish the model again with the configuration files that diffusers writes.',
  )
}
