import { describe, expect, test } from 'vitest'
import type { Score } from '../../../../src/core/contracts'
import { ranked, ranksOf } from '../../../../src/state/compare/ranks'

const score = (value: number, low: number, high: number): Score => ({ value, low, high, n: 64 })
const none: Score = { value: null, low: null, high: null, n: 0, reason: 'no bounds' }

describe('ranks', () => {
  test('lets overlapping intervals share a rank and leaves what has no value out', () => {
    expect(ranksOf([score(0.9, 0.85, 0.95), none, score(0.8, 0.7, 0.86), score(0.3, 0.2, 0.4)])).toEqual([
      1,
      null,
      1,
      3,
    ])
  })
  test('a leaderboard is ordered by rank, also where a wide interval shares the first with a lower score', () => {
    const row = (method: string, SPQR: Score) => ({ method, profile: 'lite', scenario: 'general', scores: { SPQR } })
    const rows = ranked([
      row('middle', score(0.7, 0.65, 0.75)),
      row('wide', score(0.6, 0.3, 0.9)),
      row('best', score(0.9, 0.85, 0.95)),
    ])
    expect(rows.map(({ method, rank }) => [method, rank])).toEqual([
      ['best', 1],
      ['wide', 1],
      ['middle', 2],
    ])
  })
  test('ranks a leaderboard within profile and scenario, best first', () => {
    const row = (method: string, profile: string, SPQR: Score) => ({
      method,
      profile,
      scenario: 'general',
      scores: { SPQR },
    })
    const rows = ranked([
      row('b', 'lite', score(0.2, 0.1, 0.3)),
      row('a', 'lite', score(0.9, 0.8, 1)),
      row('c', 'standard', score(0.1, 0, 0.2)),
    ])
    expect(rows.map(({ method, profile, rank }) => [method, profile, rank])).toEqual([
      ['a', 'lite', 1],
      ['b', 'lite', 2],
      ['c', 'standard', 1],
    ])
  })
})
