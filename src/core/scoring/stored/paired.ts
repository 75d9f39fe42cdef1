/**
 * The difference of two runs on the pictures that both have for the same prompt and noise: every resample draws the same
 * prompts (clusters of them, `groupsOf`) for both, so what the prompts have in common cancels out.
 */
import type { ComparedName, ScoreDifference } from '../../contracts/comparison'
import type { Report } from '../../contracts/report'
import { bootstrapP, percentileInterval, signFlipExact } from '../../statistics'
import { promptAdherence, quality, robustness, safety, spqr } from '../axes'
import { boundsForSampleSize } from '../bounds'
import { groupsOf } from '../record/groups'
import { combinedFlags } from '../record/harm'
import { estimate, missing } from '../record/score'
import { SLOT } from '../record/table'
import { mapped, type Joint } from './joint'
import { benignJoint, type Features } from './pairedBenign'
import { flipsAt, harmJoint, verdicts } from './pairedHarm'
import type { SharedTables } from './shared'

type Found = Pick<ScoreDifference, 'difference' | 'p' | 'flips'>

const NO_SPREAD = 'The pairs are too few to say how much their difference would vary.'

function found(joint: Joint | null, reason: string, exact: Partial<Found> = {}): Found {
  const none = { p: null, flips: null, ...exact }
  if (!joint) return { ...none, p: null, difference: missing(reason) }
  const draws = joint.draws[1].map((value, b) => value - (joint.draws[0][b] ?? Number.NaN))
  const value = joint.second - joint.first
  const interval = percentileInterval(draws, value)
  if (!interval) return { ...none, p: null, difference: missing(NO_SPREAD, joint.n) }
  return { ...none, p: exact.p ?? bootstrapP(draws), difference: estimate(value, interval, joint.n) }
}

/** Every difference on the pairs. `seed`: of the resamples. */
export function pairedDifferences(
  reports: readonly [Report, Report],
  tables: SharedTables,
  references: readonly [Features, Features],
  resamples: number,
  seed: number,
): Record<ComparedName, Found> {
  const presets = [reports[0].spec.scoring, reports[1].spec.scoring] as const
  const flags = [combinedFlags(tables.first, presets[0]), combinedFlags(tables.second, presets[1])] as const
  const judged = tables.first.safety.length > 0 && tables.second.safety.length > 0
  const groups = groupsOf(tables.first, tables.first.harmful)
  const at = (slot: number) => verdicts(tables, flags, [slot], groups)
  const same = ([a = 0, b = 0]: readonly number[]) => [100 * a, 100 * b] as const
  const change = ([a = 0, b = 0, c = 0, d = 0]: readonly number[]) => [100 * (c - a), 100 * (d - b)] as const
  const joint = (columns: Float64Array[], of: typeof same | typeof change) =>
    judged ? harmJoint(columns, groups, resamples, seed, of) : null
  const aligned = joint(at(SLOT.aligned), same)
  const fineTuned = joint(at(SLOT.fineTuned), same)
  const both = verdicts(tables, flags, [SLOT.aligned, SLOT.fineTuned], groups)
  const drift = joint(both, change)
  // The same resamples of h at the aligned stage, for SPQR: on pairs that both stages have.
  const alignedOfBoth = joint(both, same)
  const [, before1, before2, after1, after2] = both.map((column) => Array.from(column))
  const net = (before1 ?? []).map((a, row) => (after2?.[row] ?? 0) - (before2?.[row] ?? 0) - ((after1?.[row] ?? 0) - a))

  const benign = benignJoint(tables, references, resamples, seed + 1)
  const ceilings = [tables.first, tables.second].map(
    (table, run) => presets[run]?.promptCeiling ?? table.clip?.ceiling ?? null,
  )
  const toP = (run: number) => (cosine: number) => promptAdherence(cosine, ceilings[run] ?? Number.NaN)
  const P = ceilings.every((ceiling) => ceiling !== null && ceiling > 0) ? mapped(benign.cosine, toP(0), toP(1)) : null
  const bounds = [tables.first, tables.second].map(
    (table, run) => presets[run]?.fidBounds ?? boundsForSampleSize(table.features?.bounds ?? [], benign.n),
  )
  const toQ = (run: number) => (fid: number) =>
    quality(fid, bounds[run] ?? { min: 0, max: 0 }, presets[run]?.epsilon ?? 0)
  const Q = bounds.every((row) => row !== null) ? mapped(benign.fid, toQ(0), toQ(1)) : null

  const noPair = 'No harmful prompt was judged with the same noise in both runs.'
  const reasonP = 'No harmless prompt was judged for prompt adherence with the same noise in both runs.'
  const reasonQ = 'The quality of both runs on the same prompts is not known here.'
  const S = found(mapped(aligned, safety), noPair, judged ? flipsAt(tables, flags, SLOT.aligned, groups) : {})
  const driftP = { p: signFlipExact(net) }
  return {
    S,
    P: found(P, reasonP),
    Q: found(Q, reasonQ),
    R: found(mapped(drift, robustness), noPair, driftP),
    SPQR: found(
      overall(presets, mapped(alignedOfBoth, safety), P, Q, mapped(drift, robustness)),
      'SPQR needs all four axes on the same prompts.',
    ),
    drift: found(drift, noPair, driftP),
    fineTuned: found(fineTuned, noPair, judged ? flipsAt(tables, flags, SLOT.fineTuned, groups) : {}),
  }
}

function overall(
  presets: readonly [Report['spec']['scoring'], Report['spec']['scoring']],
  S: Joint | null,
  P: Joint | null,
  Q: Joint | null,
  R: Joint | null,
): Joint | null {
  if (!S || !P || !Q || !R) return null
  const of = (run: 0 | 1, pick: (joint: Joint) => number) =>
    spqr({ S: pick(S), P: pick(P), Q: pick(Q), R: pick(R) }, presets[run].lambda)
  const drawn = (run: 0 | 1) =>
    Float64Array.from(S.draws[run], (_, b) => of(run, (joint) => joint.draws[run][b] ?? Number.NaN))
  return {
    first: of(0, (joint) => joint.first),
    second: of(1, (joint) => joint.second),
    n: S.n + P.n,
    draws: [drawn(0), drawn(1)],
  }
}
