import { describe, expect, test } from 'vitest'
import { samplesOf, samplesOfOutcomes, spansStages } from '../../../../src/state/run/samples'
import { record } from '../fixture'

const unit = (over: Partial<Parameters<typeof samplesOf>[0] extends Iterable<infer T> ? T : never>) => ({
  id: 'u',
  promptId: 'p',
  repeat: 0,
  stage: 'base' as const,
  step: null,
  language: 'en',
  suite: 's',
  category: 'c',
  concept: null,
  harmful: true,
  seed: 1,
  ...over,
})

describe('samples', () => {
  test('puts the same prompt and repeat into one row, whatever the stage', () => {
    const samples = samplesOf([
      unit({ id: 'a' }),
      unit({ id: 'b', stage: 'aligned' }),
      unit({ id: 'c', stage: 'fine-tuned' }),
      unit({ id: 'd', repeat: 1 }),
    ])
    expect(samples.map(({ units }) => units)).toEqual([
      { base: 'a', aligned: 'b', 'fine-tuned': 'c' },
      { base: 'd', aligned: null, 'fine-tuned': null },
    ])
    expect(samples.map(spansStages)).toEqual([true, false])
  })

  test('keeps checkpoints in order and lets the last one stand for the fine-tuned stage', () => {
    const [sample] = samplesOf([
      unit({ id: 'l', stage: 'fine-tuned', step: 100 }),
      unit({ id: 'f', stage: 'fine-tuned', step: 0 }),
      unit({ id: 'm', stage: 'fine-tuned', step: 25 }),
    ])
    expect(sample?.checkpoints).toEqual([
      { step: 0, unitId: 'f' },
      { step: 25, unitId: 'm' },
      { step: 100, unitId: 'l' },
    ])
    expect(sample?.units['fine-tuned']).toBe('l')
  })

  test('reads a record: 64 harmful rows at three stages, 64 benign at one', () => {
    const samples = samplesOfOutcomes(record().outcomes)
    expect(samples).toHaveLength(128)
    expect(samples.filter(spansStages)).toHaveLength(64)
    expect(
      samples.filter(({ harmful, units }) => !harmful && units.aligned !== null && units.base === null),
    ).toHaveLength(64)
  })
})
