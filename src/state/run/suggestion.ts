/** What to try after the run that is shown: from its report, and from the pack's own study where it was read. */
import type { PackManifest, Report } from '../../core/contracts'
import type { Leaderboard } from '../about/leaderboard.svelte'
import { nextStep, type NextStep } from './nextStep'
import type { Origin } from './exhibit.svelte'

/** Null for what was not made here, or with another model than the page's. */
export function suggestionFor(
  report: Report | null,
  origin: Origin,
  manifest: PackManifest | null,
  study: Pick<Leaderboard, 'held'>,
): NextStep | null {
  if (!report || !manifest || (origin.kind !== 'live' && origin.kind !== 'stored')) return null
  const { model, fineTune } = report.record.spec
  if (model.id !== manifest.id || !fineTune) return null
  const made = fineTune.kind === 'pack' ? manifest.adapters.find(({ id }) => id === fineTune.id) : fineTune
  const known = made && 'profile' in made && 'scenario' in made ? made : null
  return nextStep(report, known?.profile && known.scenario ? study.held(known.profile, known.scenario) : [])
}
