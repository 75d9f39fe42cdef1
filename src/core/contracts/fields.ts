/** Fields that many contracts have. */
import * as v from 'valibot'

export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000))
/** Seeds are unsigned 32-bit integers, so that every generator takes them as they are. */
export const seed = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff))
export { hexadecimal as hash } from './parts'
export const label = v.pipe(v.string(), v.maxLength(200))
export const conceptList = v.pipe(v.array(label), v.maxLength(500))
