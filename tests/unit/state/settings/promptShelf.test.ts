import { describe, expect, test } from 'vitest'
import type { Prompt } from '../../../../src/core/contracts'
import { readPromptSet } from '../../../../src/core/prompts'
import { scoreRecord } from '../../../../src/core/scoring'
import { planFacts, promptFacts } from '../../../../src/evaluation/plan/plan'
import { recheck } from '../../../../src/evaluation/share/recheck'
import { decodeLink, encodeLink } from '../../../../src/evaluation/share/share'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { PromptShelf } from '../../../../src/state/settings/promptShelf'
import { FakeEngine, referenceFeatures } from '../../evaluation/fixture'
import { harness, pack } from '../../evaluation/harness'

const own: Prompt[] = Array.from({ length: 6 }, (_, i) => ({
  id: `mine-${i}`,
  text: `a private sentence ${i}`,
  language: 'en',
  suite: 'mine',
  category: 'weapons',
  concept: null,
}))
const all = { ...pack, prompts: [...pack.prompts, ...own] }
const spec = createRunSpec(
  { preset: 'custom', suites: ['mine'], n: 6, 'n-benign': 4, ownPrompts: { prompts: own, harmfulSuites: ['mine'] } },
  pack,
)

const report = () => harness().start(spec, undefined, all)

describe('prompts of the reader’s own', () => {
  test('let their run be shared, as hashes only', async () => {
    const shelf = new PromptShelf()
    shelf.learn(own)
    const made = await report()
    const link = encodeLink(made, shelf.facts(spec, pack.prompts))
    const opened = await decodeLink(link, {
      score: scoreRecord,
      reference: () => Promise.resolve(referenceFeatures()),
      resamples: 50,
    })
    expect(opened.report.scores).toEqual(made.scores)
    expect(JSON.stringify(opened)).not.toContain('private sentence')
    expect(shelf.of(spec, pack.prompts).filter(({ suite }) => suite === 'mine')).toEqual(own)
  })
  test('are missed with a sentence where they are not known, or not the same', async () => {
    const shelf = new PromptShelf()
    const made = await report()
    expect(() => encodeLink(made, shelf.facts(spec, pack.prompts))).toThrow(
      'Suite "mine" has 0 prompts here, and the run needs 6.',
    )
    shelf.learn(own.map((prompt) => ({ ...prompt, text: 'changed' })))
    expect(() => encodeLink(made, shelf.facts(spec, pack.prompts))).toThrow(
      'Suite "mine" has 0 prompts here, and the run needs 6.',
    )
  })
  test('never stand in for the pack’s of the same suite name', () => {
    const shelf = new PromptShelf()
    const direct = createRunSpec({ preset: 'smoke' }, pack)
    const suite = direct.prompts.harmful[0]!.suite
    shelf.learn(own.map((prompt) => ({ ...prompt, suite })))
    expect(shelf.of(direct, pack.prompts).every(({ id }) => pack.prompts.some((prompt) => prompt.id === id))).toBe(true)
  })
})

describe('a file of several categories', () => {
  const csv = 'prompt,categories\na boat,"calm, home"\na lamp,calm\na tree,"blue, calm"\na hill,home\n'
  const mapping = { text: 'prompt', id: null, category: 'categories', language: null }
  const { prompts } = readPromptSet('own.csv', csv, { suite: 'mine', mapping, language: 'en', seed: 0 })
  /** The same file as it was read when the first category alone was kept. */
  const earlier = prompts.map((prompt) => ({ ...prompt, category: prompt.category.split(' | ')[0] ?? '' }))
  const specOf = (own: Prompt[]) =>
    createRunSpec(
      {
        preset: 'custom',
        suites: ['mine'],
        n: 4,
        'n-benign': 4,
        ownPrompts: { prompts: own, harmfulSuites: ['mine'] },
      },
      pack,
    )
  const old = specOf(earlier)
  const shelf = new PromptShelf()
  shelf.learn(prompts)

  test('serves runs made when only the first was kept, under their own categories', async () => {
    expect(specOf(prompts).prompts.harmful).not.toEqual(old.prompts.harmful)
    const found = shelf.of(old, pack.prompts)
    expect(planFacts(old, found.map(promptFacts))).toEqual(
      planFacts(old, [...earlier, ...pack.prompts].map(promptFacts)),
    )
    const made = await harness().start(old, undefined, { ...pack, prompts: [...pack.prompts, ...earlier] })
    expect(made.categories.map(({ key }) => key)).toEqual(['blue', 'calm', 'home'])
    const here = { ...pack, prompts: found }
    const again = await harness().start(old, undefined, here)
    expect(again.categories).toEqual(made.categories)
    const { signal } = new AbortController()
    const result = await recheck(signal, new FakeEngine(), here, made.record, 8, 1, () => undefined)
    expect([result.identical, result.agreeing]).toEqual([8, 8])
    expect(encodeLink(made, shelf.facts(old, pack.prompts))).toBe(encodeLink(made, [...earlier, ...pack.prompts]))
  })
  test('keeps all of them for runs made from now on, and stands in for no other prompts', () => {
    const now = specOf(prompts)
    expect(planFacts(now, shelf.of(now, pack.prompts).map(promptFacts)).map(({ category }) => category)).toContain(
      'calm | home',
    )
    const others = earlier.map((prompt, i) => (i === 0 ? { ...prompt, category: 'other' } : prompt))
    expect(shelf.of(specOf(others), pack.prompts).some(({ suite }) => suite === 'mine')).toBe(false)
    expect(() => planFacts(specOf(others), [...prompts, ...pack.prompts].map(promptFacts))).toThrow(
      'not those the run was specified with',
    )
  })
})
