import { expect, test } from 'vitest'
import type { JudgeFacts } from '../../../src/core/contracts'
import type { KeyValue } from '../../../src/runtime/storage/cache'
import { referenceServices } from '../../../src/wiring/references'
import { judges } from '../state/fixture'

type Facts = Extract<JudgeFacts, { kind: 'features' }>

function memory(): KeyValue & { entries: Map<string, unknown> } {
  const entries = new Map<string, unknown>()
  return {
    entries,
    get: async (key: string) => entries.get(key),
    set: async (key: string, value: unknown) => void entries.set(key, value),
    delete: async (key: string) => void entries.delete(key),
    keys: async () => [...entries.keys()],
  } as KeyValue & { entries: Map<string, unknown> }
}
/** A visit to the page: what it remembers goes with it, what it stored stays. */
const visit = (store: KeyValue) =>
  referenceServices({ base: new URL('http://localhost/'), pagePack: () => ({ name: 'p', manifest: null }), store })
const factsOf = (sha256: string): Facts => {
  const found = judges.find((judge) => judge.kind === 'features')
  if (!found) throw new Error('The fixture has no judge of quality.')
  return { ...found, reference: { sha256, n: 2 } }
}
const features = Float32Array.of(0.5, -1, 2, 3)

test('a reference of the user’s own is found again at a later visit', async () => {
  const store = memory()
  const sha256 = await visit(store).keepReference(features)
  expect(await visit(store).reference(factsOf(sha256))).toEqual(features)
  expect(await visit(store).reference(factsOf('0'.repeat(64)))).toBeNull()
})

test('one that was damaged counts as gone', async () => {
  const store = memory()
  const sha256 = await visit(store).keepReference(features)
  const damaged = new Uint8Array(features.slice().buffer)
  damaged[0] = 1
  store.entries.set(sha256, damaged)
  expect(await visit(store).reference(factsOf(sha256))).toBeNull()
})

test('a full disk does not stop this visit', async () => {
  const page = visit({ ...memory(), set: () => Promise.reject(new Error('full')) })
  expect(await page.reference(factsOf(await page.keepReference(features)))).toBe(features)
})
