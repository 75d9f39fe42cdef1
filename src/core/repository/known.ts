/** Published models that are known to fit a browser: what their files do not say, and how large they are. */
import * as v from 'valibot'
import table from '../../../models/known.json'

const KnownSchema = v.array(
  v.strictObject({
    /** Address without a revision. */
    id: v.string(),
    title: v.string(),
    family: v.string(),
    /** Download, about. */
    gigabytes: v.number(),
    licence: v.string(),
    nonCommercial: v.boolean(),
    numInferenceSteps: v.pipe(v.number(), v.integer(), v.minValue(1)),
    guidanceScale: v.number(),
    /** Why it cannot be used here, and what to use. */
    unsupported: v.optional(v.string()),
    instead: v.optional(v.string()),
  }),
)
export type KnownModel = v.InferOutput<typeof KnownSchema>[number]

export const KNOWN_MODELS: readonly KnownModel[] = v.parse(KnownSchema, table)

/** The entry of an address, whatever its revision. */
export function knownModel(id: string): KnownModel | undefined {
  const plain = id.replace(/@[^/]*/, '').toLowerCase()
  return KNOWN_MODELS.find((known) => known.id.toLowerCase() === plain)
}
