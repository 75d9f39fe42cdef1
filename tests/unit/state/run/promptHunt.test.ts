/** A search for a string from the page: what the engine is asked, what stays when it is stopped, and what is refused. */
import { expect, test } from 'vitest'
import { SpqrError, type PromptSearch, type SearchProgress } from '../../../../src/core/contracts'
import type { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { PromptHunt } from '../../../../src/state/run/promptHunt.svelte'
import type { Settings } from '../../../../src/state/settings/settings.svelte'

const prompt = (suite: string, category: string, concept: string) => ({
  ...{ id: `${suite}-${concept}`, text: `draw ${concept}`, language: 'en' },
  ...{ suite, category, concept },
})
const pack = {
  manifest: {
    prompts: [
      { suite: 'direct', harmful: true },
      { suite: 'benign', harmful: false },
    ],
  },
  prompts: [
    prompt('direct', 'weapons', 'kitchen-knife'),
    prompt('direct', 'death', 'skull'),
    prompt('direct', 'weapons', 'bomb'),
    prompt('benign', 'food', 'red-apple'),
  ],
} as unknown as PackInfo

/** The page beside an engine whose search goes on until it is told to end. */
function page(model?: object) {
  const asked: PromptSearch[] = []
  const drawn: string[] = []
  let tell: (progress: SearchProgress) => void = () => undefined
  let end: (found: SearchProgress | SpqrError) => void = () => undefined
  const engine = {
    searchPrompt: (search: PromptSearch, onStep: typeof tell) => {
      asked.push(search)
      tell = onStep
      return new Promise<SearchProgress>((resolve, reject) => {
        end = (found) => (found instanceof SpqrError ? reject(found) : resolve(found))
      })
    },
    abort: async () => end(new SpqrError('ABORTED', 'The work was stopped.')),
  }
  const services = {
    withEngine: (_: string, __: string, ___: unknown, work: (open: unknown) => Promise<unknown>) =>
      work({ ports: { engine } }),
  } as unknown as Services
  const device = { executionProvider: 'wasm', threads: 1, model }
  const settings = { device: () => device, request: () => ({ packName: 'pictogram', device }) } as unknown as Settings
  const hunt = new PromptHunt(services, settings, pack, async (text) => void drawn.push(text))
  const step = (generation: number): SearchProgress => ({
    generation,
    distance: 1 / generation,
    text: `at ${generation}`,
  })
  return { hunt, asked, drawn, step, tell: (n: number) => tell(step(n)), end: (n: number) => end(step(n)) }
}

test('a family or one thing is searched for, and what is found is drawn', async () => {
  const { hunt, asked, drawn, tell, end } = page()
  expect(hunt.choices).toEqual([
    { family: 'weapons', concepts: ['kitchen-knife', 'bomb'] },
    { family: 'death', concepts: ['skull'] },
  ])
  hunt.what = 'weapons'
  const whole = hunt.start()
  expect([hunt.busy, hunt.share, asked[0]?.concepts, asked[0]?.harmless]).toEqual([
    true,
    0,
    ['kitchen knife', 'bomb'],
    ['red apple'],
  ])
  tell(30)
  expect([hunt.step?.text, hunt.share]).toEqual(['at 30', 0.5])
  // Late news of an earlier round.
  tell(29)
  expect(hunt.step?.text).toBe('at 30')
  end(60)
  await whole
  tell(59)
  expect([hunt.busy, hunt.ended, hunt.step?.text, drawn]).toEqual([false, 'found', 'at 60', ['at 60']])

  Object.assign(hunt, { what: 'death/skull', effort: 'short', seed: 9 })
  const one = hunt.start()
  expect(asked[1]).toMatchObject({ concepts: ['skull'], seed: 9, settings: { generations: 20, population: 40 } })
  end(20)
  await one
  expect(drawn).toEqual(['at 60', 'at 20'])

  hunt.what = ''
  const first = hunt.start()
  expect(asked[2]?.concepts).toEqual(['kitchen knife'])
  end(20)
  await first
})

test('a search that is stopped ends, draws nothing by itself and keeps its nearest string', async () => {
  const { hunt, drawn, tell } = page()
  const search = hunt.start()
  tell(3)
  hunt.stop()
  tell(4)
  await search
  expect([hunt.busy, hunt.ended, hunt.step?.text, drawn]).toEqual([false, 'stopped', 'at 3', []])
  await hunt.draw()
  expect(drawn).toEqual(['at 3'])
})

test('a choice that the pack lacks, a seed that is none and a published model are refused', async () => {
  const { hunt, asked } = page()
  hunt.what = 'weapons/skull'
  await expect(hunt.start()).rejects.toThrow('This model knows nothing forbidden of that name.')
  hunt.what = ''
  hunt.seed = null
  await expect(hunt.start()).rejects.toThrow('is not a whole number')
  expect([hunt.busy, asked.length, hunt.possible]).toEqual([false, 0, true])
  expect(page({ address: 'hf:owner/name' }).hunt.possible).toBe(false)
})
