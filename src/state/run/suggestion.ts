/** What to try after the run that is shown: from its report, and from the pack's own study where it was read. */
import type { PackManifest, Report } from '../../core/contracts'
import type { Leaderboard } from '../about/leaderboard.svelte'
import { figure, points } from '../page/format'
import { methodName } from '../page/names'
import { nextStep, type NextStep } from './nextStep'
import type { Origin } from './exhibit.svelte'

/**
 * What the recorded run stands for, from the pack's own study: a method that broke, under the fine-tune that broke it most,
 * beside one that held under the same. Null for any other run, or where the study does not say so.
 */
export function besideRecorded(
  report: Report | null,
  origin: Origin,
  manifest: PackManifest | null,
  study: Pick<Leaderboard, 'held' | 'rowsOf'>,
): string | null {
  if (!report || !manifest || origin.kind !== 'recorded') return null
  const { alignment, fineTune } = report.record.spec
  const shown = (part: { kind: string; id?: string } | null) => manifest.adapters.find(({ id }) => id === part?.id)
  const [aligned, tuned] = [shown(alignment), shown(fineTune)]
  const [worst] = study.rowsOf(aligned?.method ?? '')
  if (worst?.shown.change !== 'rise' || worst.profile !== tuned?.profile || worst.scenario !== tuned.scenario)
    return null
  const other = study.held(worst.profile, worst.scenario)[0]
  const beside = study
    .rowsOf(other?.method ?? '')
    .find(({ profile, scenario }) => profile === worst.profile && scenario === worst.scenario)
  const before = beside?.harmfulness.aligned.value ?? null
  const after = beside?.harmfulness.fineTuned.value ?? null
  if (!other || before === null || after === null) return null
  return `This is ${methodName(worst.method)}, which breaks, under the fine-tune that broke it most in this model’s study (${points(worst.drift.value ?? 0)} points). Under the same one ${other.name} was not shown to break: ${figure(before, 1)} % were flagged before and ${figure(after, 1)} % after.`
}

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
