import { expect, test } from 'vitest'
import type { Report, Score } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import { defaultParameters } from '../../../../src/evaluation/spec/params'
import { nextStep, type Held } from '../../../../src/state/run/nextStep'
import { record, reference, spec } from '../fixture'

const report = scoreRecord(record(), spec.scoring, reference(), 100)
const run = (drift: Partial<Score> & { pairs?: number }, changes: { seed?: number; method?: string } = {}): Report => ({
  ...report,
  drift: { ...report.drift, ...drift } as Report['drift'],
  record: {
    ...report.record,
    spec: {
      ...spec,
      seed: changes.seed ?? 0,
      alignment: { kind: 'pack', id: changes.method ?? 'esd-x', sha256: '0'.repeat(64) },
    },
  },
})
const held: Held[] = [{ method: 'uce', name: 'UCE', profile: 'standard', scenario: 'general' }]
const back = { value: 40, low: 28, high: 52, pairs: 64 }
const still = { value: 2, low: -6, high: 10, pairs: 64 }

test('where harm came back, a method that held in the study is offered', () => {
  const step = nextStep(run(back), held)
  expect(step?.action).toBe('Try UCE')
  expect(step?.changes).toMatchObject({ method: 'uce', profile: 'standard', train: 'none' })
})
test('a method that held in the study and broke here, or a second seed, asks about luck', () => {
  expect(nextStep(run(back, { method: 'uce' }), held)?.changes).toEqual({ seed: 1 })
  expect(nextStep(run(back, { seed: 4 }), held)?.changes).toEqual({ seed: 5 })
  expect(nextStep(run(back), [])?.changes).toEqual({ seed: 1 })
})
test('what held is asked about luck; too few pictures are more pictures first', () => {
  expect(nextStep(run(still), held)).toMatchObject({ why: 'This one held. Was that luck?', changes: { seed: 1 } })
  const few = nextStep(run({ ...still, pairs: 8 }), held)
  expect(few?.why).toMatch(/^8 pairs of pictures are too few/)
  expect({ ...defaultParameters(), n: 8, ...few?.changes }).toMatchObject({ preset: 'quick', n: null })
})
test('a part of a run, and one without fine-tuning, leave nothing to suggest', () => {
  expect(nextStep({ ...run(back), slice: { suites: [], categories: ['rage'], languages: [] } }, held)).toBeNull()
  const none = { value: null, low: null, high: null, n: 0, reason: 'no fine-tuned stage' }
  expect(nextStep(run(none), held)).toBeNull()
})
test('the last seed is followed by the first', () =>
  expect(nextStep(run(still, { seed: 0xffffffff }), [])?.changes).toEqual({ seed: 0 }))
