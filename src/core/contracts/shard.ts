/** A part of a run that one machine makes, and the file it is kept in. The specification stays that of the whole run. */
import * as v from 'valibot'
import { OutcomeSchema, RunRecordSchema } from './run'

/** More shards than this are more than one for every picture of a large run. */
export const MOST_SHARDS = 100_000
const number = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_SHARDS))

/** Shard `index` (from 0) of `count`. */
export const ShardSchema = v.pipe(
  v.strictObject({ index: number, count: v.pipe(number, v.minValue(1)) }),
  v.check(({ index, count }) => index < count, 'shards are counted from 0 to one less than their number'),
)
export type Shard = v.InferOutput<typeof ShardSchema>

/**
 * What a machine hands in: the record with the outcomes of its shard only (`planned` there counts the whole run), and the
 * canaries, units of the run that every shard makes so that an odd machine can be told from the others.
 */
export const ShardFileSchema = v.strictObject({
  schema: v.literal(1),
  shard: v.pipe(
    v.strictObject({
      index: number,
      count: v.pipe(number, v.minValue(1)),
      /** Units of this shard. */
      planned: v.pipe(v.number(), v.integer(), v.minValue(0)),
      /** What the machine calls itself, for whoever looks for the odd one. */
      machine: v.optional(v.pipe(v.string(), v.maxLength(100))),
    }),
    v.check(({ index, count }) => index < count, 'shards are counted from 0 to one less than their number'),
  ),
  canaries: v.pipe(v.array(OutcomeSchema), v.maxLength(16)),
  seal: v.pipe(v.string(), v.maxLength(200)),
  record: RunRecordSchema,
})
export type ShardFile = v.InferOutput<typeof ShardFileSchema>
