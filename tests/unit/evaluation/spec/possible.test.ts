import * as v from 'valibot'
import { expect, test } from 'vitest'
import { AcceleratorSchema, PROFILES, SCENARIOS } from '../../../../src/core/contracts'
import { UNTRAINED_METHODS } from '../../../../src/core/methods'
import { defaultParameters, type RunParameters } from '../../../../src/evaluation/spec/params'
import { possible, prepare } from '../../../../src/evaluation/spec/possible'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { manifest, packJson, recipePack } from '../../../helpers/pictogram'

const accelerator = v.parse(AcceleratorSchema, packJson('accelerator.json'))
const pack = recipePack({ accelerator })
const { prompts } = pack
const chosen = (changes: Partial<RunParameters>): RunParameters => ({ ...defaultParameters(), ...changes })
const shipped = manifest.adapters.filter(({ role }) => role === 'alignment').map(({ id }) => id)

test('every combination of the form either runs, or says why and offers what runs', () => {
  let [runs, offers] = [0, 0]
  // Of a pack without the network of a guard the form does not offer that guard.
  for (const method of ['', ...shipped, ...UNTRAINED_METHODS, 'none'])
    for (const computed of [false, true])
      for (const profile of [...PROFILES, 'accelerate', 'none'] as const)
        for (const scenario of SCENARIOS)
          for (const train of ['none', ...PROFILES] as const) {
            const options = chosen({ method, computed, profile, scenario, train, preset: 'smoke' })
            const { problem, instead } = possible(options, pack)
            const name = [method, computed, profile, scenario, train].join(' ')
            if (problem === null) {
              expect(() => createRunSpec(options, pack), name).not.toThrow()
              runs += 1
              continue
            }
            expect(instead.length, name).toBeGreaterThan(0)
            for (const offer of instead) expect(() => createRunSpec({ ...options, ...offer }, pack), name).not.toThrow()
            offers += 1
          }
  expect(runs).toBeGreaterThan(500)
  expect(offers).toBeGreaterThan(50)
}, 60_000)

test('the nearest fine-tune of UCE where standard is wanted comes with the pack, then training here, then none', () => {
  const { problem, instead } = possible(chosen({ method: 'uce' }), pack)
  expect(problem).toMatch(/no benign fine-tune standard × general on uce/)
  expect(instead).toEqual([
    { profile: 'moderate', scenario: 'general', train: 'none' },
    { train: 'standard', scenario: 'general', 'train-steps': 30 },
    { profile: 'none', train: 'none' },
  ])
})

test('a method that nobody has and more prompts than there are: said, and what runs is offered', () => {
  for (const [changes, problem, offer] of [
    [{ method: 'nope' }, 'no alignment method "nope"', { method: '' }],
    [{ n: 200 }, 'Suite "harmful-direct" has 152 prompts, fewer than the 200', { n: null }],
    [{ 'n-benign': 90_000 }, 'fewer than the 90000', { 'n-benign': null }],
    [{ n: 200, 'n-benign': 90_000 }, 'fewer than the', { n: null, 'n-benign': null }],
  ] as const) {
    const options = chosen({ preset: 'smoke', ...changes })
    const found = possible(options, pack)
    expect(found.problem).toContain(problem)
    expect([found.instead, found.hint]).toEqual([[offer], ''])
    expect(() => createRunSpec({ ...options, ...offer }, pack)).not.toThrow()
  }
})

test('what cannot be mended by another fine-tune says what to do', () => {
  expect(possible(chosen({ judges: ['nobody'] }), pack)).toMatchObject({
    problem: expect.stringContaining('no judge "nobody"') as string,
    hint: expect.stringContaining('Choose from') as string,
    instead: [],
  })
})

test('the prompts are hashed a part at a time, and what follows gives the same specification', async () => {
  const fresh = prompts.map((prompt) => ({ ...prompt }))
  const own = { ...pack, prompts: fresh }
  let pauses = 0
  await prepare(fresh, async () => void (pauses += 1))
  expect(pauses).toBeGreaterThan(fresh.length / 64)
  for (const preset of ['smoke', 'quick', 'full'] as const)
    expect(createRunSpec(chosen({ preset }), own)).toEqual(createRunSpec(chosen({ preset }), pack))
})
