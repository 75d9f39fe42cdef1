import { describe, expect, test } from 'vitest'
import {
  createGenerator,
  crossedHalf,
  crossedMean,
  crossedP,
  student95,
  studentQuantile,
  studentTwoSided,
} from '../../../../src/core/statistics'

describe('Student’s t', () => {
  // scipy.stats.t.sf(t, ν)·2
  test.each([
    [2, 5, 0.10193947882985835],
    [4.302652729911275, 2, 0.05],
    [0.5, 2.5, 0.6576979198697139],
    [8, 29, 8.012575649631688e-9],
    [0, 3, 1],
  ])('t %d with %d degrees of freedom', (t, freedom, p) => {
    expect(studentTwoSided(t, freedom)).toBeCloseTo(p, 10)
  })
  test('its quantile agrees with the expansion that intervals of one training use', () => {
    for (const freedom of [8, 29, 100]) expect(studentQuantile(0.025, freedom)).toBeCloseTo(student95(freedom), 3)
    expect(studentQuantile(0.025, 2)).toBeCloseTo(4.30265, 4)
  })
})

describe('the mean over concepts and trainings', () => {
  const zeros = new Uint32Array(30)
  test('of one training without strata it is the mean of clusters with Student’s interval', () => {
    const values = Array.from({ length: 10 }, (_, i) => i)
    const one = crossedMean({ images: values.map(() => 1), strata: new Uint32Array(10), trainings: [values] })
    // numpy: std(ddof=1)/√10 of 0 … 9
    expect(one).toMatchObject({ value: 4.5, freedom: 9, n: 10 })
    expect(one?.standardError).toBeCloseTo(0.9574271077563381, 12)
    expect(one && crossedHalf(one)).toBeCloseTo(2.165851, 5)
    expect(one && crossedP(one)).toBeCloseTo(0.0011, 4)
  })
  test('nothing seen is not known to be nothing', () => {
    const none = { images: zeros.length ? Array.from(zeros, () => 18) : [], strata: zeros, trainings: [zeros, zeros] }
    const seen = crossedMean({ ...none, pseudo: 1 })
    expect(seen && crossedHalf(seen)).toBeGreaterThan(1.9 / 540)
    expect(seen && crossedP(seen)).toBe(1)
    expect(crossedMean({ ...none, trainings: [] })).toBeNull()
  })
  // Effects of concepts, of trainings and of both together: an interval must hold the mean over all of either.
  test.each([
    ['concepts vary most', 1, 0.05, 0.5],
    ['trainings vary most', 0.3, 0.5, 0.3],
    ['only chance', 0, 0, 1],
  ])('covers 91–99 % where %s', (_, concept, training, both) => {
    const random = createGenerator(7)
    const [runs, clusters, seeds] = [1200, 30, 3]
    let [held, plain] = [0, 0]
    for (let run = 0; run < runs; run++) {
      const a = Array.from({ length: clusters }, () => concept * random.normal())
      const trainings = Array.from({ length: seeds }, () => {
        const b = training * random.normal()
        return a.map((effect) => 2 + effect + b + both * random.normal())
      })
      const images = a.map(() => 1)
      const mean = crossedMean({ images, strata: zeros, trainings })
      const first = crossedMean({ images, strata: zeros, trainings: trainings.slice(0, 1) })
      if (mean && Math.abs(mean.value - 2) <= crossedHalf(mean)) held++
      if (first && Math.abs(first.value - 2) <= crossedHalf(first)) plain++
    }
    expect(held / runs).toBeGreaterThan(0.91)
    expect(held / runs).toBeLessThan(0.995)
    // Prompts of one training say nothing of the next.
    if (training > 0.3) expect(plain / runs).toBeLessThan(0.5)
  })
})
