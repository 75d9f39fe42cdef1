/** Plain names of the alignment and the benign fine-tune that a specification states, for the page and for papers. */
import { PROFILES, SCENARIOS, type AlignmentSpec, type FineTuneSpec } from '../../core/contracts'
import { computedName, MITIGATIONS, shippedName } from '../../core/methods'

export function alignmentName(alignment: AlignmentSpec | null): string {
  if (!alignment) return 'no alignment'
  if (alignment.kind === 'pack') return shippedName(alignment.id)
  if (alignment.kind === 'file') return alignment.name
  return computedName(alignment.method)
}

export function fineTuneName(fineTune: FineTuneSpec | null): string {
  if (!fineTune) return 'no fine-tuning'
  if (fineTune.kind === 'file') return fineTune.name
  if (fineTune.kind === 'accelerate') return `accelerator, ${fineTune.numInferenceSteps} evaluations a picture`
  if (fineTune.kind === 'live') {
    const { profile, steps, mitigation, beneath, contamination } = fineTune
    return [
      `${profile}, ${steps} steps here`,
      ...(contamination === undefined ? [] : [`${contamination} % flagged pictures among the data`]),
      ...(mitigation ? [MITIGATIONS[mitigation.method].name] : []),
      ...(beneath ? ['trained beneath the alignment'] : []),
    ].join(', ')
  }
  return packFineTuneName(fineTune.id)
}

/** Packs name their fine-tunes method-profile-scenario: "esd-x-lite-general" → "lite profile, general data". */
function packFineTuneName(id: string): string {
  const profile = PROFILES.find((name) => id.includes(`-${name}-`))
  const scenario = SCENARIOS.find((name) => id.endsWith(`-${name}`))
  return profile && scenario ? `${profile} profile, ${scenario} data` : id
}
