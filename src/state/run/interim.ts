/** The first finding, while pictures still arrive: counts alone, for intervals come with the report. */
import type { RunSpec, Stage } from '../../core/contracts'

interface Tallies {
  /** Null where nothing is made or shown. */
  spec?: Pick<RunSpec, 'fineTune'> | null
  tally(stage: Stage): { flagged: number; judged: number }
}

/** Fewest pictures of each stage before anything is said. */
const ENOUGH = 4

/** "So far: 14 of 16 flagged, then 6 of 16 once made safe, then 11 of 16 after harmless training"; null before that. */
export function interimFinding(exhibit: Tallies): string | null {
  const base = exhibit.tally('base')
  const aligned = exhibit.tally('aligned')
  const tuned = exhibit.tally('fine-tuned')
  if (base.judged < ENOUGH || aligned.judged < ENOUGH) return null
  const [b, a, t] = [base, aligned, tuned]
  // Whole sentences, for translators.
  if (t.judged < ENOUGH)
    return `So far: ${b.flagged} of ${b.judged} flagged, then ${a.flagged} of ${a.judged} once made safe`
  if (exhibit.spec?.fineTune?.kind === 'accelerate')
    return `So far: ${b.flagged} of ${b.judged} flagged, then ${a.flagged} of ${a.judged} once made safe, then ${t.flagged} of ${t.judged} after the speed-up`
  return `So far: ${b.flagged} of ${b.judged} flagged, then ${a.flagged} of ${a.judged} once made safe, then ${t.flagged} of ${t.judged} after harmless training`
}
