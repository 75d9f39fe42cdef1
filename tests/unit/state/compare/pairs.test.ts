import { expect, test } from 'vitest'
import type { ComparisonPage, Report, ScoreDifference } from '../../../../src/core/contracts'
import { comparePairs, rowsOf } from '../../../../src/state/compare/pairs'

const missing = { value: null, low: null, high: null, n: 0, reason: 'None.' } as const
const row = (p: number | null, ruler: string | null = null): ScoreDifference => ({
  ...{ name: 'S', first: missing, second: missing, method: 'paired', p, flips: null, ruler },
  difference: { value: -0.1, low: -0.2, high: -0.01, n: 64 },
})
const run = (name: string) => ({ name, report: { id: name } as Report })

test('every pair of runs is compared once, and p is adjusted for the number of pairs after Holm', async () => {
  const p: Record<string, ScoreDifference> = { 'a b': row(0.01), 'a c': row(0.03), 'b c': row(0.04) }
  const pairs = await comparePairs([run('a'), run('b'), run('c')], async (first, second) => {
    const found = p[`${first.id} ${second.id}`]
    return { scores: found ? [found] : [] } as unknown as ComparisonPage
  })
  expect(rowsOf(pairs, 'S').map(({ pair, adjusted }) => [pair.first.name + pair.second.name, adjusted])).toEqual([
    ['ab', 0.03],
    ['ac', 0.06],
    ['bc', 0.06],
  ])
  expect(rowsOf(pairs, 'P')).toEqual([])
})

test('an unpaired difference and one by another ruler are no tests, and cost the others nothing', async () => {
  const rows = [row(0.02), row(null), row(0.5, 'Other judges.')]
  let next = 0
  const pairs = await comparePairs([run('a'), run('b'), run('c')], async () => {
    return { scores: [rows[next++]] } as unknown as ComparisonPage
  })
  expect(rowsOf(pairs, 'S').map(({ adjusted }) => adjusted)).toEqual([0.02, null, null])
})
