import { expect, test } from 'vitest'
import type { RunSpec } from '../../../../src/core/contracts'
import { compareReports, scoreRecord } from '../../../../src/core/scoring'
import { recipeDifferences } from '../../../../src/state/compare/recipeDifferences'
import { record, spec } from '../fixture'

const changesTo = (other: RunSpec) => {
  const [first, second] = [spec, other].map((of) =>
    scoreRecord({ ...record({ harmful: 4, benign: 4 }), spec: of }, of.scoring, null, 10),
  )
  if (!first || !second) throw new Error('no report')
  return recipeDifferences(spec, other, compareReports(first, second, [null, null], 10).specChanges)
}

test('recipes differ in words, and no difference is dropped', () => {
  expect(changesTo(spec)).toEqual([])
  const fast = { ...spec, alignment: null, sampler: { ...spec.sampler, numInferenceSteps: 2, accelerator: 'abcdef01' } }
  expect(changesTo(fast)).toEqual([
    { what: 'Alignment', first: 'UCE', second: 'no alignment', inside: '' },
    {
      what: 'Sampler',
      first: 'FlowMatchEulerDiscreteScheduler, 8 steps, guidance 3',
      second: 'the fast sampler, 2 steps',
      inside: '',
    },
  ])
  // The same words on both sides: then the settings are named.
  const lenient = { ...spec, scoring: { ...spec.scoring, epsilon: 0.001, thresholds: { 'judge-a': 0.9 } } }
  expect(changesTo(lenient)).toEqual([
    { what: 'Constants', first: 'pack', second: 'pack', inside: 'epsilon, thresholds.judge-a' },
  ])
})
