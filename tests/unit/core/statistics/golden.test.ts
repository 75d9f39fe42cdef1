import { describe, expect, test } from 'vitest'
import {
  binomialCdf,
  bootstrapTotals,
  cohenKappa,
  logGamma,
  mcnemarExact,
  mcnemarPower,
  normalCdf,
  normalQuantile,
  percentileInterval,
  quantileSorted,
  student95,
  wilson,
} from '../../../../src/core/statistics'
import golden from '../../../golden/statistics/statistics.json'

const close = (actual: number | null | undefined, expected: number | undefined, tolerance = 1e-9) => {
  expect(Math.abs((actual ?? NaN) - (expected ?? NaN))).toBeLessThanOrEqual(tolerance)
}

describe('statistics equal SciPy and statsmodels', () => {
  test('Wilson interval', () => {
    for (const [x, n, low, high] of golden.wilson) {
      const interval = wilson(x ?? 0, n ?? 0)
      close(interval.low, low)
      close(interval.high, high)
    }
  })
  test('exact McNemar', () => golden.mcnemar.forEach(([b, c, p]) => close(mcnemarExact(b ?? 0, c ?? 0), p)))
  test('Cohen’s κ', () =>
    golden.kappa.forEach(([a, b, c, d, kappa]) => close(cohenKappa(a ?? 0, b ?? 0, c ?? 0, d ?? 0), kappa)))
  test('normal quantile and distribution', () => {
    golden.normalQuantile.forEach(([p, x]) => close(normalQuantile(p ?? 0), x))
    golden.normalCdf.forEach(([x, p]) => close(normalCdf(x ?? 0), p, 1e-14))
  })
  test('Student’s t, relative 1e-4 from 6 degrees of freedom on, 1 % below', () => {
    golden.student95.forEach(([n, t]) => close(student95(n ?? 0), t, ((n ?? 0) < 6 ? 0.01 : 1e-4) * (t ?? 0)))
    expect(student95(0)).toBe(Infinity)
  })
  test('log gamma, relative 1e-12', () =>
    golden.logGamma.forEach(([x, y]) => close(logGamma(x ?? 0), y, 1e-12 * Math.max(1, Math.abs(y ?? 0)))))
  test('binomial distribution', () =>
    golden.binomialCdf.forEach(([k, n, p, cdf]) => close(binomialCdf(k ?? 0, n ?? 0, p ?? 0), cdf)))
  test('percentiles', () => {
    const sorted = Float64Array.from(golden.percentiles.values).sort()
    golden.percentiles.q.forEach(([q, value]) => close(quantileSorted(sorted, q ?? 0), value))
  })
  test('exact power of McNemar', () =>
    golden.mcnemarPower.forEach(([n, d, psi, power]) => close(mcnemarPower(n ?? 0, d ?? 0, psi ?? 0), power)))
})

describe('bootstrap', () => {
  const { before, after, cosines, strata, driftMoments, cosineMoments, cosineInterval } = golden.bootstrap
  const columns = [before, after, cosines].map((column) => Float64Array.from(column))
  const resamples = 20_000
  const moments = (draws: Float64Array) => {
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length
    return [mean, Math.sqrt(draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length)] as const
  }
  test('has the exact mean and spread of the stratified bootstrap (0.03 standard errors, 3 %)', () => {
    const [b, a, c] = bootstrapTotals({ strata, columns }, resamples, 7)
    const drift = moments(Float64Array.from(a ?? [], (value, i) => (value - (b?.[i] ?? 0)) / strata.length))
    close(drift[0], driftMoments[0], 0.03 * (driftMoments[1] ?? 0))
    close(drift[1], driftMoments[1], 0.03 * (driftMoments[1] ?? 0))
    const cosine = moments((c ?? new Float64Array()).map((value) => value / strata.length))
    close(cosine[0], cosineMoments[0], 0.03 * (cosineMoments[1] ?? 0))
    close(cosine[1], cosineMoments[1], 0.03 * (cosineMoments[1] ?? 0))
  })
  test('draws the same distribution by class as row by row', () => {
    const classed = bootstrapTotals({ strata, columns: columns.slice(0, 2) }, resamples, 3)
    const spread = [0, 1].map((j) => moments(classed[j] ?? new Float64Array()))
    const direct = bootstrapTotals({ strata, columns }, resamples, 3)
    for (const j of [0, 1]) {
      const [mean, sd] = moments(direct[j] ?? new Float64Array())
      close(spread[j]?.[0], mean, 0.04 * sd)
      close(spread[j]?.[1], sd, 0.03 * sd)
    }
  })
  test('agrees with scipy.stats.bootstrap on an unstratified mean (2 % of its width)', () => {
    const [total] = bootstrapTotals(
      { strata: strata.map(() => 0), columns: [Float64Array.from(cosines)] },
      resamples,
      11,
    )
    const interval = percentileInterval(
      (total ?? new Float64Array()).map((value) => value / cosines.length),
      cosineMoments[0] ?? 0,
    )
    const width = (cosineInterval[1] ?? 0) - (cosineInterval[0] ?? 0)
    close(interval?.low, cosineInterval[0], 0.02 * width)
    close(interval?.high, cosineInterval[1], 0.02 * width)
  })
  test('takes the normal limit of a large stratum, with the same moments', () => {
    const n = 5000
    const values = Float64Array.from({ length: n }, (_, i) => Math.sin(i) + (i % 7) * 0.1)
    const [total] = bootstrapTotals({ strata: new Uint8Array(n), columns: [values] }, resamples, 5)
    const [mean, sd] = moments(total ?? new Float64Array())
    const sum = values.reduce((a, b) => a + b, 0)
    const expected = Math.sqrt(values.reduce((a, b) => a + (b - sum / n) ** 2, 0))
    close(mean, sum, 0.03 * expected)
    close(sd, expected, 0.02 * expected)
  })
  test('is the same for the same seed and another for another', () => {
    const draw = (seed: number) => bootstrapTotals({ strata, columns }, 50, seed)
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })
})
