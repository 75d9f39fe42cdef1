/** What a Report from outside says of its own scores: shown to nobody, and held against what its samples give. */
import * as v from 'valibot'
import { AXES, type Report } from './report'
import { ScoringPresetSchema } from './run'

const names = v.array(v.string())
const StatedSchema = v.object({
  spec: v.object({ scoring: ScoringPresetSchema }),
  slice: v.optional(v.object({ suites: names, categories: names, languages: names })),
  scores: v.record(v.string(), v.object({ value: v.nullable(v.number()) })),
})
/** How a Report says that it was scored, and the scores that it claims. */
export type Stated = v.InferOutput<typeof StatedSchema>

/** Scores that are equal to the reader: a thousandth apart at most. */
const ROUNDING = 1e-3

/** What parsed JSON states: a Report or a recorded run; null where it is a record without a Report around it. */
export function statedIn(value: unknown): Stated | null {
  const recorded = v.safeParse(v.object({ report: v.unknown() }), value)
  const checked = v.safeParse(StatedSchema, recorded.success ? recorded.output.report : value)
  return checked.success ? checked.output : null
}

/** A score as a file states it and as its samples give it, to three digits. */
interface Difference {
  name: string
  claimed: string
  given: string
}

/** The first score that is stated otherwise than it was computed; those that cannot be computed here are passed over. */
export function firstDifference(stated: Stated, scores: Report['scores']): Difference | null {
  for (const name of [...AXES, 'SPQR' as const]) {
    const [claim, { value }] = [stated.scores[name]?.value ?? null, scores[name]]
    if (claim !== null && value !== null && Math.abs(value - claim) > ROUNDING)
      return { name, claimed: claim.toFixed(3), given: value.toFixed(3) }
  }
  return null
}
