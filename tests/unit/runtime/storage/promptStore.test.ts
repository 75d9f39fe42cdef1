/** Prompt sets as they are stored: names from outside are names, and a changed digit is found. */
import { expect, test } from 'vitest'
import type { SpqrError } from '../../../../src/core/contracts'
import { readPromptSet } from '../../../../src/core/prompts'
import { createPromptStore } from '../../../../src/runtime/storage/promptStore'

function store() {
  const values = new Map<string, unknown>()
  const said: SpqrError[] = []
  const keyValue = {
    get: async (key: string) => structuredClone(values.get(key)),
    set: async (key: string, value: unknown) => void values.set(key, structuredClone(value)),
    delete: async (key: string) => void values.delete(key),
    keys: async () => [...values.keys()],
  }
  return { values, said, prompts: createPromptStore(keyValue as never, (error) => said.push(error)) }
}
const mapping = { text: 'prompt', id: null, category: 'category', language: null }
const text = 'prompt,category\na boat,constructor\na cup,__proto__\na hat,toString\n'
const set = {
  ...readPromptSet('a.csv', text, { suite: 'own', mapping, language: 'en', seed: 1 }),
  ...{ file: 'a.csv', harmful: false, seed: 1, acknowledged: '2026-11-28' },
}

test('categories called as properties of every object are stored and read again', async () => {
  const { prompts, said } = store()
  await prompts.put(set)
  const [read] = await prompts.list()
  expect(Object.entries(read?.categories ?? {}).sort()).toEqual([
    ['__proto__', 1],
    ['constructor', 1],
    ['toString', 1],
  ])
  expect(said).toEqual([])
})

test('a set with a changed number is left out by name', async () => {
  const { prompts, values, said } = store()
  await prompts.put(set)
  values.set('own', { ...(values.get('own') as object), rows: 4 })
  expect(await prompts.list()).toEqual([])
  expect(said).toMatchObject([{ code: 'PROMPTS_INVALID', message: expect.stringContaining('"own"') as unknown }])
})
