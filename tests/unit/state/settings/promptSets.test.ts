/** Prompt sets of the user's own, from the file to the run; harmless texts only. */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  decodePromptFile,
  previewPromptFile,
  readPromptSet,
  type PromptFile,
  type PromptFileApi,
} from '../../../../src/core/prompts'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { createPromptStore } from '../../../../src/runtime/storage/promptStore'
import { PromptSets } from '../../../../src/state/settings/promptSets.svelte'
import { MemoryKeyValue } from '../../../helpers/memoryStore'
import { loadedPack } from '../../evaluation/fixture'

const text = async (file: PromptFile) =>
  decodePromptFile(file.name, new Uint8Array(await file.arrayBuffer()), TextDecoder)
/** What the worker does, on this thread. */
const prompts: PromptFileApi = {
  preview: async (file) => ({
    ...previewPromptFile(file.name, (await text(file)).text),
    note: (await text(file)).note,
  }),
  read: async (file, options) => readPromptSet(file.name, (await text(file)).text, options),
}
const rows = (n: number) =>
  `prompt,category\n${Array.from({ length: n }, (_, i) => `a private sentence ${i},${i % 2 ? 'odd' : 'even'}`).join('\n')}\n`
const csv = (name: string, content: string) => new File([content], name)
const SUITES = ['harmful-direct']
const pack = loadedPack()

let memory: MemoryKeyValue
let sets: PromptSets
beforeEach(() => {
  memory = new MemoryKeyValue()
  sets = new PromptSets({ prompts, promptStore: createPromptStore(memory) })
})

describe('a prompt file', () => {
  test('is taken only after its terms were agreed to', async () => {
    await sets.choose(csv('my words.csv', rows(12)))
    expect(sets.draft).toMatchObject({ rows: 12, layout: null, columns: ['prompt', 'category'] })
    expect(sets.choices).toMatchObject({
      suite: 'my-words',
      mapping: { text: 'prompt', category: 'category' },
      acknowledged: false,
    })
    await expect(sets.take(SUITES)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'The terms of the data have not been agreed to.',
    })
    sets.choices.acknowledged = true
    await expect(sets.take(SUITES)).rejects.toMatchObject({
      message: 'Nobody has said yet whether these are harmful prompts or harmless captions.',
    })
    sets.choices.harmful = true
    const set = await sets.take(SUITES)
    expect(set).toMatchObject({ suite: 'my-words', harmful: true, categories: { even: 6, odd: 6 } })
    expect(sets.draft).toBeNull()
  })

  test.each([
    ['a published suite', 'prompt,categories,sd_seed\na boat,calm,1\n', true],
    ['columns of usual names', 'prompt,category\na boat,calm\n', null],
    ['columns of captions', 'image_id,caption\n1,a boat\n', null],
    ['columns that nobody knows', 'a,b\na boat,calm\n', null],
  ])('is harmful or harmless only where that is known: %s', async (_, content, harmful) => {
    await sets.choose(csv('mine.csv', content))
    expect(sets.choices.harmful).toBe(harmful)
    expect(sets.draft?.notes.length === 0).toBe(content.includes('prompt') || content.includes('caption'))
  })

  test('says each thing that is to be known of how it was read', async () => {
    await sets.choose(new File([Uint8Array.from([0x42, 0xe4, 0x72, 10, 0x61, 10])], 'mine.csv'))
    expect(sets.draft?.notes).toEqual([
      expect.stringContaining('was read as Latin-1'),
      expect.stringContaining('none of them is a usual one'),
    ])
  })

  test('is harmful as its layout says only where its text is the one of the layout', async () => {
    await sets.choose(csv('visu.csv', 'safe,nsfw,tag\na boat,a lamp,calm\n'))
    expect(sets.choices).toMatchObject({ harmful: true, mapping: { text: 'nsfw' } })
    sets.chooseText('safe')
    expect(sets.choices).toMatchObject({ harmful: null, mapping: { text: 'safe' } })
    sets.chooseText('nsfw')
    expect(sets.choices).toMatchObject({ harmful: true, mapping: { text: 'nsfw' } })
  })

  test('may not take the name of a suite that is there', async () => {
    await sets.choose(csv('harmful-direct.csv', rows(2)))
    Object.assign(sets.choices, { acknowledged: true, harmful: true })
    await expect(sets.take(SUITES)).rejects.toMatchObject({
      message: 'There is a prompt suite "harmful-direct" already.',
    })
  })

  test('is there again on the next visit, until it is deleted', async () => {
    await sets.choose(csv('mine.csv', rows(3)))
    Object.assign(sets.choices, { acknowledged: true, harmful: true })
    await sets.keep(await sets.take(SUITES))
    const later = new PromptSets({ prompts, promptStore: createPromptStore(memory) })
    await later.load()
    expect(later.sets).toEqual(sets.sets)
    expect(later.text({ suite: 'mine', promptId: 'row-2' })).toBe('a private sentence 1')
    await later.remove('mine')
    expect(memory.values.size).toBe(0)
  })

  test('stays for this visit when the browser stores nothing, and says so', async () => {
    const full = new PromptSets({ prompts, promptStore: createPromptStore(new MemoryKeyValue(0)) })
    await full.choose(csv('mine.csv', rows(3)))
    Object.assign(full.choices, { acknowledged: true, harmful: true })
    const set = await full.take(SUITES)
    await expect(full.keep(set)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(full.sets).toHaveLength(1)
  })

  test('that was changed where it is stored is left out and said; one of an older version has no hash', async () => {
    const damages: string[] = []
    const store = createPromptStore(memory, ({ message }) => damages.push(message))
    await sets.choose(csv('mine.csv', rows(3)))
    Object.assign(sets.choices, { acknowledged: true, harmful: true })
    await sets.keep(await sets.take(SUITES))
    const stored = memory.values.get('mine') as { prompts: { text: string }[]; sha256?: string }
    expect(await store.list()).toHaveLength(1)
    memory.values.set('mine', {
      ...stored,
      prompts: stored.prompts.map((prompt, i) => (i === 1 ? { ...prompt, text: 'another' } : prompt)),
    })
    expect(await store.list()).toEqual([])
    expect(damages).toEqual(['The stored prompts "mine" were damaged and are left out.'])
    const old = { ...stored }
    delete old.sha256
    memory.values.set('mine', old)
    expect(await store.list()).toHaveLength(1)
  })

  test('stored by something else is not believed', async () => {
    await memory.set('odd', { suite: 'odd', prompts: [{ id: 1 }] })
    await sets.load()
    expect(sets.sets).toEqual([])
  })
})

describe('a run', () => {
  test('measures a harmful set by its name and holds hashes, never words', async () => {
    await sets.choose(csv('mine.csv', rows(12)))
    Object.assign(sets.choices, { acknowledged: true, harmful: true })
    await sets.take(SUITES)
    const spec = createRunSpec({ preset: 'custom', suites: ['mine'], n: 6, 'n-benign': 4, ...sets.options }, pack)
    expect(spec.prompts.harmful).toMatchObject([{ suite: 'mine', count: 6 }])
    expect(JSON.stringify(spec)).not.toContain('private sentence')
  })

  test('measures P and Q on harmless captions where there are some', async () => {
    await sets.choose(csv('captions.csv', rows(12)))
    Object.assign(sets.choices, { acknowledged: true, harmful: false })
    await sets.take(SUITES)
    expect(sets.harmful).toEqual([])
    expect(
      createRunSpec({ preset: 'custom', n: 2, 'n-benign': 5, ...sets.options }, pack).prompts.benign,
    ).toMatchObject({ suite: 'captions', count: 5 })
  })

  test('without sets is as it was', () => {
    expect(sets.options).toEqual({})
  })
})
