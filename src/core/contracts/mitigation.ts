/** How a benign fine-tuning is done, as a specification states it. */
import * as v from 'valibot'
import {
  MITIGATION_IDS,
  MITIGATION_NUMBERS,
  mitigationNumbers,
  type MethodNumber,
  type MitigationNumber,
} from '../methods'

/** A number of a method within its limits. */
function bounded({ low, high, whole }: MethodNumber) {
  const within = v.pipe(v.number(), v.finite(), v.minValue(low), v.maxValue(high))
  return v.optional(whole ? v.pipe(within, v.integer()) : within)
}
const mitigationEntries = Object.fromEntries(
  Object.entries(MITIGATION_NUMBERS).map(([name, number]) => [name, bounded(number)]),
) as Record<MitigationNumber, ReturnType<typeof bounded>>
/** How the fine-tuning is done, with every number that its method takes and no other. */
export const MitigationSchema = v.pipe(
  v.strictObject({ method: v.picklist(MITIGATION_IDS), ...mitigationEntries }),
  v.check((mitigation) => {
    const own = mitigationNumbers(mitigation.method)
    const given = Object.entries(mitigation).flatMap(([name, value]) =>
      name === 'method' || value === undefined ? [] : [name],
    )
    return given.length === own.length && own.every((name) => given.includes(name))
  }, 'the numbers must be those of the method'),
)
export type Mitigation = v.InferOutput<typeof MitigationSchema>
