/**
 * Do nominal 95 % intervals cover the truth in 93–97 % of cases? Wilson's is summed exactly over the binomial; the
 * paired bootstrap is simulated (seeded; intervals of equal tables are computed once, so 4,000 samples are cheap).
 */
import { describe, expect, test } from 'vitest'
import {
  binomialPmf,
  createGenerator,
  driftInterval,
  pairedDrift,
  roganGladen,
  wilson,
  type Interval,
} from '../../../../src/core/statistics'

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** Exact coverage of an interval for a proportion p with n images. */
function coverage(n: number, p: number, interval: (x: number) => Interval): number {
  let covered = 0
  for (let x = 0; x <= n; x++) {
    const { low, high } = interval(x)
    if (low <= p && p <= high) covered += binomialPmf(x, n, p)
  }
  return covered
}

describe('Wilson for h', () => {
  const bands: [number, number][] = [
    [0.002, 0.05],
    [0.05, 0.2],
    [0.2, 0.8],
    [0.8, 0.95],
    [0.95, 0.998],
  ]
  for (const n of [64, 128, 240, 500]) {
    test(`covers 93–97 % on average in every band of h, n = ${n}`, () => {
      for (const [from, to] of bands) {
        const truths = Array.from({ length: 121 }, (_, i) => from + ((to - from) * i) / 120)
        const average = mean(truths.map((p) => coverage(n, p, (x) => wilson(x, n))))
        expect(average).toBeGreaterThan(0.93)
        expect(average).toBeLessThan(0.97)
      }
    })
    test(`covers 93–97.5 % at given truths, near 0 and 1 too, n = ${n}`, () => {
      for (const p of [0.01, 0.02, 0.03, 0.05, 0.064, 0.1, 0.3, 0.5, 0.9, 0.95, 0.98, 0.99]) {
        const exact = coverage(n, p, (x) => wilson(x, n))
        expect(exact).toBeGreaterThan(0.93)
        expect(exact).toBeLessThan(0.975)
      }
    })
  }
})

interface Truth {
  n: number
  toUnsafe: number
  toSafe: number
}

/** Coverage of the paired bootstrap's Δ over samples of n pairs. */
function driftCoverage({ n, toUnsafe, toSafe }: Truth, samples: number): number {
  const random = createGenerator(n * 7919 + Math.round(toUnsafe * 1e4) + Math.round(toSafe * 1e6))
  const known = new Map<number, Interval>()
  let covered = 0
  for (let s = 0; s < samples; s++) {
    let [up, down] = [0, 0]
    for (let i = 0; i < n; i++) {
      const u = random.uniform()
      if (u < toUnsafe) up++
      else if (u < toUnsafe + toSafe) down++
    }
    const key = up * (n + 1) + down
    const interval = known.get(key) ?? intervalOf(n, up, down)
    known.set(key, interval)
    if (interval.low <= toUnsafe - toSafe + 1e-12 && toUnsafe - toSafe - 1e-12 <= interval.high) covered++
  }
  return covered / samples
}

function intervalOf(n: number, up: number, down: number): Interval {
  const column = (flag: (i: number) => boolean) => Float64Array.from({ length: n }, (_, i) => (flag(i) ? 1 : 0))
  const rows = {
    strata: new Uint8Array(n),
    pairs: column(() => true),
    before: column((i) => i >= n - down),
    after: column((i) => i < up),
  }
  return pairedDrift(rows, 1000, 5) ?? { low: 0, high: 0 }
}

describe('paired bootstrap for Δh', () => {
  const ordinary: [number, number][] = [
    [0.05, 0.05],
    [0.1, 0.02],
    [0.2, 0.02],
    [0.5, 0],
    [0.02, 0.15],
    [0.05, 0],
    [0.9, 0],
  ]
  const rare: [number, number][] = [
    [0, 0],
    [0.005, 0.005],
    [0.01, 0],
    [0.015, 0],
    [0.02, 0],
    [0.025, 0],
    [0.03, 0.005],
    [0.01, 0.01],
  ]
  for (const n of [64, 128, 240]) {
    for (const [toUnsafe, toSafe] of ordinary) {
      test(`covers 93–97.5 %: n = ${n}, ${100 * toUnsafe} % flip to unsafe, ${100 * toSafe} % to safe`, () => {
        const covered = driftCoverage({ n, toUnsafe, toSafe }, 3000)
        expect(covered).toBeGreaterThan(0.93)
        expect(covered).toBeLessThan(0.975)
      }, 30_000)
    }
    // With a handful of flips counts are too coarse for exactly 95 %: the interval errs on the wide side.
    test(`covers 93 % or more on average, and nowhere under 90 %, when flips are rare: n = ${n}`, () => {
      const covered = rare.map(([toUnsafe, toSafe]) => driftCoverage({ n, toUnsafe, toSafe }, 2000))
      expect(mean(covered)).toBeGreaterThan(0.93)
      expect(Math.min(...covered)).toBeGreaterThan(0.9)
    }, 30_000)
  }
  test('the closed form for planning covers as well', () => {
    const n = 128
    for (const [toUnsafe, toSafe] of ordinary) {
      const random = createGenerator(3)
      let covered = 0
      for (let s = 0; s < 4000; s++) {
        let [up, down] = [0, 0]
        for (let i = 0; i < n; i++) {
          const u = random.uniform()
          if (u < toUnsafe) up++
          else if (u < toUnsafe + toSafe) down++
        }
        const { low, high } = driftInterval(up, down, n)
        if (low <= toUnsafe - toSafe && toUnsafe - toSafe <= high) covered++
      }
      expect(covered / 4000).toBeGreaterThan(0.93)
      expect(covered / 4000).toBeLessThan(0.98)
    }
  })
})

describe('Rogan–Gladen', () => {
  test('covers the true prevalence when the judge’s figures were themselves measured (Lang & Reiczigel)', () => {
    const [n, recall, fpr, judged] = [128, 0.95, 0.03, 200]
    for (const truth of [0, 0.01, 0.05, 0.2, 0.6, 0.95, 0.99, 1]) {
      const random = createGenerator(17)
      const draw = (size: number, p: number) => {
        let x = 0
        for (let i = 0; i < size; i++) if (random.uniform() < p) x++
        return x
      }
      let covered = 0
      for (let s = 0; s < 4000; s++) {
        const error = {
          recall: draw(judged, recall) / judged,
          falsePositiveRate: draw(judged, fpr) / judged,
          recallN: judged,
          falsePositiveN: judged,
        }
        const corrected = roganGladen(draw(n, truth * recall + (1 - truth) * fpr), n, error)
        if (corrected && corrected.low <= truth && truth <= corrected.high) covered++
      }
      expect(covered / 4000, `h = ${100 * truth} %`).toBeGreaterThan(0.93)
      // At the very ends an interval cut off at 0 or 1 can only err on the wide side.
      if (truth >= 0.05 && truth <= 0.95) expect(covered / 4000).toBeLessThan(0.99)
    }
  })
  test('a perfect judge changes nothing; a useless one corrects nothing', () => {
    const perfect = roganGladen(12, 64, { recall: 1, falsePositiveRate: 0 })
    expect(perfect).toEqual({ value: 12 / 64, ...wilson(12, 64) })
    expect(roganGladen(12, 64, { recall: 0.3, falsePositiveRate: 0.3 })).toBeNull()
  })
})
