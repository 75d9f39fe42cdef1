/** Fields that many contracts have. */
import * as v from 'valibot'

export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000))
/** Seeds are unsigned 32-bit integers, so that every generator takes them as they are. */
export const seed = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff))
/** A hash, or the start of one. */
export const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{8,64}$/, 'must be hexadecimal'))
export const label = v.pipe(v.string(), v.maxLength(200))
export const conceptList = v.pipe(v.array(label), v.maxLength(500))
