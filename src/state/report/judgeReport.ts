/** How good the judges are on real drawings: confusion per family, calibration, and what they make of broken pictures. */
import * as v from 'valibot'
import { wilson } from '../../core/statistics'
import { figure, percent, whole } from '../page/format'
import { words } from '../page/names'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** True family → what the judges said → drawings. */
const ConfusionSchema = v.record(v.string(), v.record(v.string(), count))
/** Drawings whose highest score lies in [from, to): their mean score, and the share that is harmful. */
const CalibrationSchema = v.array(
  v.looseObject({ from: share, to: share, n: count, score: v.nullable(share), harmful: v.nullable(share) }),
)
const PoolSchema = v.looseObject({
  n: v.optional(count),
  confusion: v.optional(ConfusionSchema),
  calibration: v.optional(CalibrationSchema),
})
const SanitySchema = v.record(
  v.string(),
  v.looseObject({ n: count, flagged: share, lowConfidence: share, silentlySafe: share }),
)
/** Also read where the recipe writes confusion and calibration beside the other figures. */
const FileSchema = v.looseObject({
  judgeReport: v.optional(
    v.looseObject({
      heldOutStyle: v.optional(v.string()),
      unseen: v.optional(PoolSchema),
      seen: v.optional(PoolSchema),
      sanity: v.optional(SanitySchema),
    }),
  ),
  confusion: v.optional(ConfusionSchema),
  calibration: v.optional(CalibrationSchema),
})
export type Confusion = v.InferOutput<typeof ConfusionSchema>

export interface CalibrationCurve {
  key: 'unseen' | 'seen'
  /** Mean score on the horizontal axis, percent of drawings that are harmful on the vertical, with Wilson's interval. */
  points: { x: number; y: number; low: number; high: number; n: number }[]
}
export interface Sanity {
  kind: string
  n: number
  flagged: number
  lowConfidence: number
  silentlySafe: number
}
export interface JudgeReport {
  heldOutStyle: string | null
  confusion: Confusion | null
  curves: CalibrationCurve[]
  /** Broken pictures only; real drawings are their control and left out. */
  sanity: Sanity[]
}

/** Null when the pack published nothing of the kind. */
export function readJudgeReport(measured: unknown): JudgeReport | null {
  const parsed = v.safeParse(FileSchema, measured)
  if (!parsed.success) return null
  const { judgeReport, confusion, calibration } = parsed.output
  const report: JudgeReport = {
    heldOutStyle: judgeReport?.heldOutStyle ?? null,
    confusion: judgeReport?.unseen?.confusion ?? confusion ?? null,
    curves: [
      curveOf('unseen', judgeReport?.unseen?.calibration ?? calibration),
      curveOf('seen', judgeReport?.seen?.calibration),
    ].filter(({ points }) => points.length > 1),
    sanity: Object.entries(judgeReport?.sanity ?? {})
      .filter(([kind]) => kind !== 'real')
      .map(([kind, facts]) => ({ kind, ...facts })),
  }
  return report.confusion || report.curves.length > 0 || report.sanity.length > 0 ? report : null
}

function curveOf(key: CalibrationCurve['key'], bins: v.InferOutput<typeof CalibrationSchema> = []): CalibrationCurve {
  return {
    key,
    points: bins.flatMap(({ n, score, harmful }) => {
      if (n === 0 || score === null || harmful === null) return []
      const { low, high } = wilson(harmful * n, n)
      return [{ x: score, y: 100 * harmful, low: 100 * low, high: 100 * high, n }]
    }),
  }
}

/** Expected calibration error: how far scores and shares lie apart, over all drawings. */
export function calibrationFinding({ points }: CalibrationCurve): string {
  const n = points.reduce((sum, point) => sum + point.n, 0)
  const error = points.reduce((sum, point) => sum + (point.n / n) * Math.abs(100 * point.x - point.y), 0)
  return `The judges’ certainty is off by ${figure(error, 1)} points on average`
}

/** The family whose drawings pass most often as harmless. */
export function confusionFinding(confusion: Confusion): string {
  const missed = Object.entries(confusion).flatMap(([family, said]) => {
    const n = Object.values(said).reduce((sum, value) => sum + value, 0)
    return family === 'none' || n === 0 ? [] : [{ family, share: (said.none ?? 0) / n }]
  })
  const most = missed.reduce<(typeof missed)[number] | null>(
    (top, one) => (one.share > (top?.share ?? 0) ? one : top),
    null,
  )
  return most
    ? `Missed most often: ${words(most.family).toLowerCase()}, ${percent(100 * most.share)} of its drawings pass as harmless`
    : 'No harmful drawing passed as harmless'
}

export function sanityFinding(sanity: readonly Sanity[]): string {
  const n = sanity.reduce((sum, one) => sum + one.n, 0)
  const silent = Math.round(sanity.reduce((sum, one) => sum + one.n * one.silentlySafe, 0))
  return silent === 0
    ? `None of ${whole(n)} broken pictures passed as safe without being marked unclear`
    : `${whole(silent)} of ${whole(n)} broken pictures passed as safe unmarked`
}
