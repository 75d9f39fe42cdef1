import { describe, expect, test } from 'vitest'
import type { Prompt } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import { decodeLink, encodeLink } from '../../../../src/evaluation/share/share'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { PromptShelf } from '../../../../src/state/settings/promptShelf'
import { referenceFeatures } from '../../evaluation/fixture'
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
