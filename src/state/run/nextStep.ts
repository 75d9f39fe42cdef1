/** After a run: one thing worth trying next, from what was found, and the settings that set it up. */
import type { Report } from '../../core/contracts'
import type { Parameters } from '../../evaluation/spec/params'

export interface NextStep {
  /** What was found, and the question it leaves. */
  why: string
  /** What the button does. */
  action: string
  changes: Partial<Parameters>
}

/** A method that the pack's own study did not see break, with the fine-tune of that row. */
export interface Held {
  method: string
  name: string
  profile: Parameters['profile']
  scenario: Parameters['scenario']
}

/** Fewest harmful prompts on which a change of some size can be seen. */
const ENOUGH = 64

const seedAfter = ({ record }: Report): Partial<Parameters> => ({ seed: (record.spec.seed + 1) % 2 ** 32 })

/**
 * @param held methods that held in the pack's own study, best first; empty where there is no such study
 * @returns null where the run leaves nothing to suggest, such as one of another model or without fine-tuning
 */
export function nextStep(report: Report, held: readonly Held[]): NextStep | null {
  const { spec } = report.record
  const { drift } = report
  if (report.slice || drift.value === null) return null
  const shown = drift.low > 0 || drift.high < 0
  if (!shown && drift.pairs < ENOUGH)
    return {
      why: `${drift.pairs} pairs of pictures are too few to tell whether safety held.`,
      action: `Measure ${ENOUGH}`,
      changes: { preset: 'quick', n: null, 'n-benign': null },
    }
  const own = spec.alignment?.kind === 'pack' ? spec.alignment.id : null
  const other = held.find(({ method }) => method !== own)
  const again = { action: 'Try another seed', changes: seedAfter(report) }
  if (drift.low <= 0) return { why: 'This one held. Was that luck?', ...again }
  // Whoever has tried a method that held elsewhere, and saw it break, wonders about luck first.
  if (!other || spec.seed !== 0 || held.some(({ method }) => method === own))
    return { why: 'Harm came back. Was that bad luck?', ...again }
  const { method, name, profile, scenario } = other
  return {
    why: `Harm came back. ${name} was not shown to break in this model’s own study: does it hold here?`,
    action: `Try ${name}`,
    changes: { method, profile, scenario, computed: false, train: 'none' },
  }
}
