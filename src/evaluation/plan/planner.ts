/**
 * Before the run: how wide will the intervals be with this design, how many prompts does a drift need to be seen, and
 * what will it cost in images, time and bytes.
 */
import { SpqrError, type Axis, type Report, type ScoringPreset } from '../../core/contracts'
import {
  boundsForSampleSize,
  componentsOf,
  promptAdherence,
  quality,
  robustness,
  safety,
  spqr,
  type Components,
} from '../../core/scoring'
import {
  bootstrapTotals,
  createGenerator,
  driftInterval,
  effectivePairs,
  mcnemarPower,
  pairsForDrift,
  percentileInterval,
  PSEUDO_CELLS,
  PSEUDO_WEIGHT,
  wilson,
  Z_95,
  type Interval,
} from '../../core/statistics'
import { ALIKE, likeness, worth } from './worth'

export interface Design {
  harmfulPrompts: number
  benignPrompts: number
  seedsPerPrompt: number
  /** Concepts that the prompts share, where they are known. */
  concepts?: { harmful: number; benign: number }
}

/** What the run is expected to find: from an earlier report (`assumptionsFrom`) or a guess (`CAUTIOUS`). */
export interface Assumptions {
  /** h(aligned), and the shares of pairs that flip to unsafe and to safe; fractions. */
  harmfulness: number
  toUnsafe: number
  toSafe: number
  /** Mean cosine over benign images and its standard deviation between images. */
  cosine: { mean: number; sd: number }
  /** FID, and the standard deviation of one image's influence on it: FID's standard error is this over √n. */
  fid: { value: number; influence: number }
  ceiling: number
  bounds: { n: number; min: number; max: number }[]
  /** What varies between concepts, prompts and repeats: of flags, of their changes, and of benign pictures. */
  components: Record<'flags' | 'changes' | 'benign', Components>
}

/** A guess for a first run, on the wide side: one in ten flagged, one pair in ten flips. */
export const CAUTIOUS: Assumptions = {
  harmfulness: 0.1,
  toUnsafe: 0.06,
  toSafe: 0.04,
  cosine: { mean: 0.25, sd: 0.06 },
  fid: { value: 0.5, influence: 1.5 },
  ceiling: 0.3,
  bounds: [{ n: 64, min: 0, max: 1 }],
  components: { flags: ALIKE, changes: ALIKE, benign: ALIKE },
}

/** Assumptions read off a report of a comparable run; what it lacks comes from `CAUTIOUS`. */
export function assumptionsFrom(report: Report, preset: ScoringPreset = report.spec.scoring): Assumptions {
  const { drift, harmfulness, quality: q, scores } = report
  const clip = report.record.judges.find((judge) => judge.kind === 'clip')
  const features = report.record.judges.find((judge) => judge.kind === 'features')
  const ceiling = preset.promptCeiling ?? clip?.ceiling ?? CAUTIOUS.ceiling
  const found = componentsOf(report.record, preset)
  const components = {
    flags: found.flags ?? ALIKE,
    changes: found.changes ?? ALIKE,
    benign: found.cosines ?? ALIKE,
  }
  const { seedsPerPrompt } = report.spec.prompts
  // Half an interval is 1.96 standard errors, and one of them times √n the deviation between n independent images.
  const deviation = ({ low, high }: Interval, n: number) =>
    ((high - low) / 2 / Z_95) * Math.sqrt(worth(n / seedsPerPrompt, seedsPerPrompt, components.benign))
  const { P } = scores
  return {
    harmfulness: harmfulness.aligned.value === null ? CAUTIOUS.harmfulness : harmfulness.aligned.value / 100,
    toUnsafe: drift.pairs > 0 ? drift.flipsToUnsafe / drift.pairs : CAUTIOUS.toUnsafe,
    toSafe: drift.pairs > 0 ? drift.flipsToSafe / drift.pairs : CAUTIOUS.toSafe,
    cosine: P.value === null ? CAUTIOUS.cosine : { mean: P.value * ceiling, sd: deviation(P, P.n) * ceiling },
    fid: q.fid.value === null ? CAUTIOUS.fid : { value: q.fid.value, influence: deviation(q.fid, q.fid.n) },
    ceiling,
    bounds: preset.fidBounds ? [{ n: 1, ...preset.fidBounds }] : (features?.bounds ?? CAUTIOUS.bounds),
    components,
  }
}

export interface Expected extends Interval {
  value: number
  halfWidth: number
}

const RESAMPLES = 1000

/** The intervals a run of this design will show if the assumptions hold; Δh in points. Deterministic. */
export function expectedIntervals(
  design: Design,
  assumptions: Assumptions,
  preset: ScoringPreset,
): Record<Axis | 'SPQR' | 'drift', Expected> {
  checkDesign(design)
  const { harmfulness, cosine, fid, ceiling, bounds } = assumptions
  const { harmfulPrompts, benignPrompts, seedsPerPrompt, concepts } = design
  const of = (part: keyof Assumptions['components'], prompts: number, shared: number | undefined) => {
    const components = assumptions.components[part]
    return worth(prompts, seedsPerPrompt, shared === undefined ? components : { ...components, concepts: shared })
  }
  const flags = of('flags', harmfulPrompts, concepts?.harmful)
  const changes = of('changes', harmfulPrompts, concepts?.harmful)
  const n = Math.max(1, Math.round(changes))
  const m = Math.max(2, of('benign', benignPrompts, concepts?.benign))
  const rows = expectedRows(n, assumptions)
  const [count, flagged, before, after] = bootstrapTotals(
    {
      strata: new Uint8Array(n),
      columns: rows,
      pseudo: { rows: PSEUDO_CELLS.map(([a, b]) => [1, a, a, b]), weight: PSEUDO_WEIGHT },
    },
    RESAMPLES,
    1,
  )
  const random = createGenerator(2)
  const frozen = boundsForSampleSize(bounds, design.benignPrompts * design.seedsPerPrompt) ?? { min: 0, max: 1 }
  const toP = (value: number) => promptAdherence(value, ceiling)
  const toQ = (value: number) => quality(value, frozen, preset.epsilon)
  const draws = Float64Array.from(count ?? [], (total, b) =>
    spqr(
      {
        S: safety((100 * (flagged?.[b] ?? 0)) / total),
        P: toP(cosine.mean + (cosine.sd / Math.sqrt(m)) * random.normal()),
        Q: toQ(fid.value + (fid.influence / Math.sqrt(m)) * random.normal()),
        R: robustness((100 * ((after?.[b] ?? 0) - (before?.[b] ?? 0))) / total),
      },
      preset.lambda,
    ),
  )
  const drift = 100 * (assumptions.toUnsafe - assumptions.toSafe)
  const paired = driftInterval(assumptions.toUnsafe * changes, assumptions.toSafe * changes, changes)
  const h = wilson(harmfulness * flags, flags)
  const around = (value: number, sd: number, map: (x: number) => number) =>
    expected(map(value), [map(value - (Z_95 * sd) / Math.sqrt(m)), map(value + (Z_95 * sd) / Math.sqrt(m))])
  const axes = { S: 1 - harmfulness, P: toP(cosine.mean), Q: toQ(fid.value), R: robustness(drift) }
  const overall = spqr(axes, preset.lambda)
  const range = percentileInterval(draws, overall) ?? { low: 0, high: 1 }
  return {
    S: expected(axes.S, [1 - h.high, 1 - h.low]),
    P: around(cosine.mean, cosine.sd, toP),
    Q: around(fid.value, fid.influence, toQ),
    R: expected(axes.R, [robustness(100 * paired.low), robustness(100 * paired.high)]),
    drift: expected(drift, [100 * paired.low, 100 * paired.high]),
    SPQR: expected(overall, [range.low, range.high]),
  }
}

function expected(value: number, ends: readonly [number, number]): Expected {
  const low = Math.min(value, ...ends)
  const high = Math.max(value, ...ends)
  return { value, low, high, halfWidth: (high - low) / 2 }
}

/** The paired table in expectation: columns images, flagged before, before (paired), after. */
function expectedRows(n: number, { harmfulness, toUnsafe, toSafe }: Assumptions): Float64Array[] {
  const up = Math.min(n, Math.round(toUnsafe * n))
  const down = Math.min(n - up, Math.round(toSafe * n))
  const stay = Math.min(n - up - down, Math.max(0, Math.round(harmfulness * n) - down))
  const before = Float64Array.from({ length: n }, (_, i) => (i >= up && i < up + down + stay ? 1 : 0))
  const after = Float64Array.from({ length: n }, (_, i) => (i < up || (i >= up + down && i < up + down + stay) ? 1 : 0))
  return [new Float64Array(n).fill(1), before, before, after]
}

export interface DriftPlan {
  pairs: number
  prompts: number
  power: number
}

/**
 * Prompts needed to see a drift of `points` with the given power (two-sided exact McNemar, 5 %): the smallest number
 * whose exact power reaches it, found upwards from Connor's formula.
 */
export function promptsForDrift(points: number, assumptions: Assumptions, seedsPerPrompt = 1, power = 0.8): DriftPlan {
  const drift = Math.abs(points) / 100
  if (!(drift > 0 && drift <= 1))
    throw new SpqrError(
      'BAD_INPUT',
      `A drift of ${points} points cannot be planned for.`,
      'Ask for a drift between 0 and 100 points.',
    )
  // Flips that cancel are noise; besides them at least the drift itself must flip.
  const discordance = Math.min(1, drift + 2 * Math.min(assumptions.toUnsafe, assumptions.toSafe))
  let pairs = Math.max(6, pairsForDrift(drift, discordance, power))
  while (pairs < 1_000_000 && mcnemarPower(pairs, drift, discordance) < power) pairs = Math.ceil(pairs * 1.02) + 1
  const perPrompt = effectivePairs(1, seedsPerPrompt, likeness(assumptions.components.changes))
  return { pairs, prompts: Math.ceil(pairs / perPrompt), power: mcnemarPower(pairs, drift, discordance) }
}

/** Measured on a first pair of images, after loading. */
export interface WarmUp {
  images: number
  seconds: number
  loadSeconds: number
}
export interface Cost {
  images: number
  unetEvaluations: number
  seconds: number
  downloadBytes: number
  storedBytes: number
}

/**
 * Images and what they cost. `stages`: sets of weights that are loaded one after another (base, aligned, fine-tuned; more
 * with checkpoints); `planned`: images of the run's plan, where it is known; `bytes`: download of the files not yet
 * cached, and pixels of one stored image (width × height × 3).
 */
export function estimateCost(
  design: Design,
  numInferenceSteps: number,
  warmUp: WarmUp,
  bytes: { download: number; perImage: number },
  stages = 3,
  planned?: number,
): Cost {
  checkDesign(design)
  if (!(warmUp.images > 0 && warmUp.seconds > 0))
    throw new SpqrError('BAD_INPUT', 'The warm-up made no image.', 'Let it make two.')
  const images = planned ?? (design.harmfulPrompts * stages + design.benignPrompts) * design.seedsPerPrompt
  return {
    images,
    unetEvaluations: images * numInferenceSteps,
    seconds: warmUp.loadSeconds * stages + (images * warmUp.seconds) / warmUp.images,
    downloadBytes: bytes.download,
    storedBytes: images * bytes.perImage,
  }
}

function checkDesign({ harmfulPrompts, benignPrompts, seedsPerPrompt }: Design): void {
  for (const [name, value] of Object.entries({ harmfulPrompts, benignPrompts, seedsPerPrompt })) {
    if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
      throw new SpqrError(
        'BAD_INPUT',
        `${name} must be a whole number from 1 to 1,000,000; it is ${value}.`,
        'Plan with at least one prompt of each kind.',
      )
    }
  }
}
