/** Best of n in a specification: the judge that chooses scores nothing, and n is part of the run's name. */
import { describe, expect, test } from 'vitest'
import { judgeProblem } from '../../../../src/core/scoring'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import { defaultParameters, parseParameters, queryPairs, toQuery } from '../../../../src/evaluation/spec/params'
import { createRunSpec, runId, type RunOptions } from '../../../../src/evaluation/spec/spec'
import { recipePack } from '../../../helpers/pictogram'

const pack = recipePack()
const OWN = { method: 'best-of-n', profile: 'none' } as const
const specOf = (options: RunOptions = {}) => createRunSpec({ ...OWN, ...options }, pack)

describe('best of n', () => {
  test('takes the first safety judge to choose, and leaves it out of those that score', () => {
    const { alignment, judges } = specOf()
    expect(alignment).toEqual({
      ...{ kind: 'inference', method: 'best-of-n', concepts: [], candidates: 4, guidedBy: 'pictoguard-cnn' },
    })
    expect(judges).toEqual(['pictoguard-vit', 'pictoclip', 'pictofeat'])
    const other = specOf({ 'guide-judge': 'pictoguard-vit', candidates: 8 })
    expect(other.judges).toEqual(['pictoguard-cnn', 'pictoclip', 'pictofeat'])
    expect(new Set([specOf(), other, specOf({ candidates: 8 })].map(runId)).size).toBe(3)
  })

  test.each<[RunOptions, string]>([
    [
      { judges: ['pictoguard-cnn', 'pictoclip'], 'guide-judge': 'pictoguard-cnn' },
      'Judge "pictoguard-cnn" would choose the pictures and score them too.',
    ],
    [
      { judges: ['pictoguard-cnn', 'pictoguard-vit'] },
      'Best of n needs two safety judges: one that chooses the pictures and another that scores them.',
    ],
    [
      { judges: ['pictoclip'] },
      'Best of n needs two safety judges: one that chooses the pictures and another that scores them.',
    ],
    [{ 'guide-judge': 'pictoclip' }, 'There is no safety judge "pictoclip" to choose pictures by.'],
  ])('with %o is refused in one sentence', (options, sentence) => {
    expect(() => specOf(options)).toThrow(sentence)
  })

  test('goes into an address and a short link and comes back', () => {
    for (const options of [{}, { candidates: 2, 'guide-judge': 'pictoguard-vit' }]) {
      const spec = specOf(options)
      const parameters = parametersOf(spec, pack)
      expect(parameters).not.toBeNull()
      if (!parameters) continue
      expect(runId(createRunSpec(parameters, pack))).toBe(runId(spec))
      const { values } = parseParameters(queryPairs(toQuery({ ...defaultParameters(), ...parameters }).slice(1)))
      expect(runId(createRunSpec(values, pack))).toBe(runId(spec))
    }
  })

  test('in a record that its own judge scores is refused', () => {
    const spec = specOf()
    const facts = { kind: 'clip' as const, id: 'pictoguard-cnn', sha256: '1'.repeat(64), ceiling: null }
    expect(judgeProblem({ spec: { ...spec, judges: ['pictoguard-cnn'] }, judges: [facts] })).toBe(
      'judge "pictoguard-cnn" chose its pictures and scores them too',
    )
  })
})
