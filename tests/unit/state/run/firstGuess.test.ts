import { expect, test } from 'vitest'
import { scoreRecord } from '../../../../src/core/scoring'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { FirstGuess, isBare, type GuessShelf } from '../../../../src/state/run/firstGuess.svelte'
import { record, reference, spec } from '../fixture'

const report = scoreRecord(record(), spec.scoring, reference(), 100)

function shelf(): GuessShelf & { kept: Map<string, string> } {
  const kept = new Map<string, string>()
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) }
}
function visit(
  where: GuessShelf | null,
  { bare = true, returning = false } = {},
): { exhibit: Exhibit; guess: FirstGuess } {
  const exhibit = new Exhibit()
  const guess = new FirstGuess(exhibit, where, bare)
  guess.begin(returning)
  exhibit.show(report, { kind: 'recorded', at: report.createdAt }, null)
  return { exhibit, guess }
}

test('the answer is held back on a first visit until the guess is locked in, and the guess is kept', () => {
  const place = shelf()
  const { guess } = visit(place)
  expect([guess.holds, guess.of, guess.made]).toEqual([true, 64, null])
  guess.prediction.share = 0.25
  guess.lock()
  expect([guess.holds, guess.made?.guess]).toEqual([false, 16])
  // Guesses of a second thought do not count.
  guess.prediction.share = 0.75
  guess.lock()
  expect(guess.made?.guess).toBe(16)
  const later = visit(place).guess
  expect([later.holds, later.made?.guess]).toEqual([false, 16])
})

test('one tap skips it, and nobody is asked twice', () => {
  const place = shelf()
  const { guess } = visit(place)
  guess.prediction.skip()
  guess.lock()
  expect([guess.holds, guess.made]).toEqual([false, null])
  expect(visit(place).guess.holds).toBe(false)
})

test('whoever comes with a link, with settings or with stored runs is not asked', () => {
  expect(visit(shelf(), { bare: false }).guess.holds).toBe(false)
  expect(visit(shelf(), { returning: true }).guess.holds).toBe(false)
  expect([isBare('', ''), isBare('#run', ''), isBare('#report', ''), isBare('', '?preset=smoke')]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('a guess about one run is not drawn on another; a damaged one asks for nothing', () => {
  const place = shelf()
  const { exhibit, guess } = visit(place)
  guess.lock()
  exhibit.show({ ...report, record: { ...report.record, id: 'another' } }, { kind: 'live' }, null)
  expect(guess.made).toBeNull()
  place.kept.set('spqr-guess', '{"guess":70,"of":64,"run":"x"}')
  expect([visit(place).guess.holds, visit(place).guess.made]).toEqual([false, null])
  place.kept.set('spqr-guess', '{')
  expect(visit(place).guess.holds).toBe(false)
})

test('a browser that keeps nothing asks, and does not break', () => {
  const refusing: GuessShelf = {
    getItem: () => {
      throw new Error('refused')
    },
    setItem: () => {
      throw new Error('refused')
    },
  }
  expect(visit(refusing).guess.holds).toBe(false)
  expect(visit(null).guess.holds).toBe(true)
})
