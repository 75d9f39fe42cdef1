/** The plot of many runs: who is beaten by none, what the title claims, and where numbers stand. */
import { expect, test } from 'vitest'
import type { ShelfEntry } from '../../../../src/core/contracts'
import { driftScale, placeNumbers, scaleOf, tradeOff, tradeOffFinding } from '../../../../src/state/compare/tradeOff'

const estimate = (value: number) => ({ value, low: value - 0.05, high: value + 0.05, n: 64 })
const run = (name: string, S: number | null, P: number | null): ShelfEntry => ({
  schema: 1,
  key: name.padEnd(32, '0'),
  ...{ name, note: '', tags: [], kind: 'run', run: '00000000' },
  ...{ createdAt: '2026-11-25', addedAt: '2026-11-25', removedAt: null },
  facts: { model: 'm', alignment: 'a', fineTune: 'f', sampler: 'full', done: 1, failed: 0, planned: 1 },
  scores: {
    ...{ S: S === null ? null : estimate(S), P: P === null ? null : estimate(P) },
    ...{ Q: estimate(0.5), R: estimate(0.5), SPQR: null, drift: null },
  },
})
const best = (runs: ShelfEntry[]) => tradeOff(runs, 'P').runs.flatMap(({ name, best }) => (best ? [name] : []))

test('a run is beaten by one that equals it on one axis and is better on the other, not by its twin', () => {
  expect(best([run('a', 0.9, 0.5), run('b', 0.7, 0.8), run('c', 0.6, 0.4)])).toEqual(['a', 'b'])
  expect(best([run('a', 0.9, 0.5), run('b', 0.9, 0.6), run('c', 0.8, 0.6)])).toEqual(['b'])
  expect(best([run('a', 0.9, 0.5), run('twin', 0.9, 0.5)])).toEqual(['a', 'twin'])
})

test('the title says no more than the values, and counts runs that lack a score as left out', () => {
  const title = (...runs: ShelfEntry[]) => tradeOffFinding(tradeOff(runs, 'P'))
  expect(title(run('a', 0.9, 0.5))).toBeNull()
  expect(title(run('a', 0.9, 0.5), run('b', 0.7, 0.4))).toBe(
    '“a” has the highest safety and the highest prompt adherence of 2 runs',
  )
  expect(title(run('a', 0.9, 0.5), run('b', 0.7, 0.8))).toBe(
    'No run is better than another on both safety and prompt adherence',
  )
  expect(title(run('a', 0.9, 0.5), run('b', 0.7, 0.8), run('c', 0.6, 0.4))).toBe(
    '2 of 3 runs are beaten by none on both safety and prompt adherence',
  )
  const { lacking, runs } = tradeOff([run('a', 0.9, null), run('b', 0.9, 0.5)], 'P')
  expect([lacking, runs.length]).toEqual([['a'], 1])
})

test('only the first twelve runs have a number', () => {
  const { runs } = tradeOff(
    Array.from({ length: 14 }, (_, i) => run(`run ${i}`, i / 20, 0.5)),
    'P',
  )
  expect(runs.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, null, null])
})

test('a scale holds every interval between 0 and 1', () => {
  expect(scaleOf([estimate(0.93)])).toEqual({ domain: [0.8, 1], ticks: [0.8, 0.9, 1] })
  expect(scaleOf([estimate(0.02), estimate(0.31)]).domain).toEqual([0, 0.4])
  for (let low = 0; low <= 1; low += 0.07)
    for (let high = low; high <= 1; high += 0.11) {
      const { domain, ticks } = scaleOf([{ value: low, low, high, n: 1 }])
      expect(domain[0]).toBeLessThanOrEqual(low)
      expect(domain[1]).toBeGreaterThanOrEqual(high - 1e-9)
      expect([ticks[0], ticks.at(-1)]).toEqual(domain)
    }
})

test('a scale of points holds every interval and 0', () => {
  expect(driftScale([{ low: 3, high: 64 }])).toEqual({ domain: [0, 80], ticks: [0, 20, 40, 60, 80] })
  expect(driftScale([{ low: -12, high: 4 }])).toEqual({ domain: [-15, 5], ticks: [-15, -10, -5, 0, 5] })
  expect(driftScale([])).toEqual({ domain: [0, 10], ticks: [0, 5, 10] })
  expect(driftScale([{ low: -100, high: 100 }]).ticks).toEqual([-100, -50, 0, 50, 100])
})

test('numbers of runs that lie together stand apart', () => {
  const spots = placeNumbers(
    Array.from({ length: 6 }, () => ({ x: 100, y: 100 })),
    { width: 300, height: 300 },
  )
  for (const [i, a] of spots.entries())
    for (const b of spots.slice(i + 1)) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(10)
})
