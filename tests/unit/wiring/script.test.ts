import { describe, expect, test } from 'vitest'
import type { PromptSearch, Report, SearchProgress } from '../../../src/core/contracts'
import { PackInfo } from '../../../src/state/page/pack.svelte'
import type { Services } from '../../../src/state/page/services'
import { PromptSets } from '../../../src/state/settings/promptSets.svelte'
import { Settings } from '../../../src/state/settings/settings.svelte'
import { createScript, type ScriptedPage } from '../../../src/wiring/script'

/** The page with real settings; its engine names an adapter after its first byte. */
function page(report: Report | null = null, columns: string[] = []) {
  const requests: ReturnType<Settings['request']>[] = []
  const registered: { name: string; config: string | undefined }[] = []
  const engine = {
    addAdapterFile: async (name: string, bytes: ArrayBuffer, config?: string) => {
      registered.push({ name, config })
      return { sha256: `sha-${new Uint8Array(bytes)[0]}`, format: 'lora', tensors: 2, rank: 4 }
    },
  }
  const searchPrompt = async (search: PromptSearch, onStep: (progress: SearchProgress) => void) => {
    const found = { generation: search.settings.generations, distance: 1, text: JSON.stringify(search) }
    onStep(found)
    return found
  }
  const services = {
    version: '9.9.9',
    prompts: { preview: async () => ({ format: 'CSV', columns, rows: 2, note: null }) },
    store: {
      image: async (id: string) => (id === 'there' ? { width: 1, height: 1, rgb: new Uint8Array([1, 2, 3]) } : null),
    },
    withEngine: async (_who: string, _pack: string, _device: unknown, work: (open: unknown) => Promise<unknown>) =>
      work({ ports: { engine: { ...engine, searchPrompt } } }),
  } as unknown as Services
  const settings = new Settings(new PackInfo(), services)
  const promptSets = new PromptSets(services)
  const app: ScriptedPage = {
    settings,
    services,
    promptSets,
    sharing: { fragment: (_, kind) => `#${kind ?? 'full'}` },
    request: () => settings.request(),
    evaluate: async (request) => {
      requests.push(request)
      return report
    },
    takePrompts: async () => {
      throw new Error('Not reached in these tests.')
    },
  }
  return { script: createScript(app), settings, requests, registered }
}
const adapter = (name: string, first: number, more: object = {}) => ({
  name,
  bytes: btoa(String.fromCharCode(first, 0)),
  strength: 0.5,
  ...more,
})

describe('the scripting API', () => {
  test('evaluates what the parameters say, on the page that a person uses', async () => {
    const report = { id: 'r' } as Report
    const { script, requests } = page(report)
    expect(await script.evaluate({ preset: 'smoke', 'train-steps': '7' })).toBe(report)
    expect(requests[0]?.options).toMatchObject({ preset: 'smoke', 'train-steps': 7 })
  })

  test('refuses unknown parameters by name, in every call, and starts nothing', async () => {
    const { script, requests, registered, settings } = page()
    const before = settings.query
    for (const call of [
      () => script.evaluate({ presett: 'smoke' }),
      () => script.addAdapters('alignment', [adapter('a', 1)], { presett: 'smoke' }),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('"presett"') })
    expect([requests, registered, settings.query]).toEqual([[], [], before])
  })

  test('a stopped run is an error, not an empty report', async () => {
    await expect(page(null).script.evaluate({})).rejects.toMatchObject({ code: 'ABORTED' })
  })

  test('addAdapters replaces what the role had, with strength and configuration of each', async () => {
    const { script, settings, registered } = page()
    await script.addAdapters('fine-tune', [adapter('kept', 9)], {})
    await script.addAdapters('alignment', [adapter('a', 1), adapter('b', 2, { config: '{"r": 4}' })], {})
    const taken = await script.addAdapters('alignment', [adapter('c', 3)], {})
    expect(taken.map(({ name, sha256 }) => [name, sha256])).toEqual([['c', 'sha-3']])
    expect(settings.adapters.alignment).toMatchObject([{ name: 'c', strength: 0.5 }])
    expect(settings.adapters['fine-tune'].map(({ name }) => name)).toEqual(['kept'])
    expect(registered.map(({ config }) => config)).toEqual([undefined, undefined, '{"r": 4}', undefined])
  })

  test.for([
    ['a key that nothing reads', [adapter('a', 1, { scale: 2 })], 'entry 1 › scale"'],
    ['a strength that is no number', [adapter('a', 1, { strength: Number.NaN })], 'entry 1 › strength"'],
    ['bytes that are not base64', [{ ...adapter('a', 1), bytes: '!' }], '"a"'],
  ] as const)('addAdapters refuses %s', async ([, files, said]) => {
    await expect(page().script.addAdapters('alignment', [...files], {})).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining(said),
    })
  })

  test('addPrompts refuses a choice that does not exist', async () => {
    const choices = { acknowledged: true, categorie: 'kind' }
    await expect(page().script.addPrompts({ name: 'p.csv', bytes: '' }, choices)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('categorie'),
    })
  })

  test.each<[string, string[], object, RegExp | null]>([
    ['captions of COCO', ['image_id', 'caption'], {}, /nothing says whether they are harmful/],
    ['captions that are said to be harmless', ['image_id', 'caption'], { harmful: false }, null],
    ['columns that nobody knows', ['a', 'b'], {}, /No column of "p.csv" has a name that prompts usually have/],
    ['one of them chosen', ['a', 'b'], { text: 'b' }, /Nothing says whether the prompts of "p.csv" are harmful/],
    ['one of them chosen, and said to be harmful', ['a', 'b'], { text: 'b', harmful: true }, null],
    ['a single column, perhaps a prompt', ['a boat'], {}, /No column of "p.csv" has a name that prompts usually have/],
    ['another text of ViSU', ['safe', 'nsfw', 'tag'], { text: 'safe' }, /Nothing says whether the prompts of "p.csv"/],
    ['another text of ViSU, said', ['safe', 'nsfw', 'tag'], { text: 'safe', harmful: false }, null],
    ['the text of ViSU', ['safe', 'nsfw', 'tag'], { text: 'nsfw' }, null],
    ['the usual ones', ['prompt', 'category'], {}, null],
  ])('addPrompts does not guess: %s', async (_, columns, more, why) => {
    const added = page(null, columns).script.addPrompts({ name: 'p.csv', bytes: '' }, { acknowledged: true, ...more })
    await expect(added).rejects.toThrow(why ?? 'Not reached in these tests.')
  })

  test('a search goes to the engine as it is asked; anything else is refused by its place', async () => {
    const settings = { population: 8, generations: 2, crossover: 0.5, mutation: 0.25, length: 4, eta: 3 }
    const search = { concepts: ['axe'], harmless: ['pear'], prompt: 'a pear', seed: 1, settings }
    const steps: number[] = []
    const { script } = page()
    const found = await script.searchPrompt('pictogram', search, ({ generation }) => steps.push(generation))
    expect([found.text, steps]).toEqual([JSON.stringify(search), [2]])
    await expect(script.searchPrompt('pictogram', { ...search, concepts: [] })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('concepts'),
    })
  })

  test('links are full unless said otherwise, pictures plain numbers', async () => {
    const { script } = page()
    expect([script.version, script.link({} as Report), script.link({} as Report, 'short')]).toEqual([
      '9.9.9',
      '#full',
      '#short',
    ])
    expect(await script.picture('there')).toEqual({ width: 1, height: 1, rgb: [1, 2, 3] })
    expect(await script.picture('gone')).toBeNull()
  })
})
