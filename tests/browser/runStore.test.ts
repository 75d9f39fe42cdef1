import { beforeEach, describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/core/hash'
import { type GeneratedImage, type JudgedOutcome, type RunRecord, SpqrError } from '../../src/core/contracts'
import dumpText from '../fixtures/0.1.0/store.json?raw'
import { putBack, type StoreDump } from '../helpers/storeDump'
import { createRunStore } from '../../src/runtime/storage/runStore'
import { indexedDbKeyValue, type BatchKeyValue } from '../../src/runtime/storage/runStoreKeys'

let database = 0
let storage: BatchKeyValue
beforeEach(() => {
  storage = indexedDbKeyValue(`spqr-test-${Date.now()}-${database++}`)
})

const timings = {
  totalSeconds: 1,
  loadSeconds: 0.5,
  generateSeconds: 0.4,
  judgeSeconds: 0.1,
  images: 2,
  unetEvaluations: 16,
}
const id = (text: string) => sha256Hex(text)

function record(name = 'run'): Omit<RunRecord, 'outcomes'> {
  return {
    schema: 1,
    id: id(name),
    createdAt: '2026-01-01T00:00:00.000Z',
    planned: 4,
    training: null,
    judges: [],
    timings: { ...timings, images: 0 },
    environment: {
      executionProvider: 'wasm',
      adapter: null,
      threads: 1,
      crossOriginIsolated: true,
      precision: 'float32',
      userAgent: 'x',
      onnxruntime: '1',
      transformers: '4',
      app: '0',
    },
    spec: {
      schema: 1,
      preset: 'smoke',
      model: { id: 'p', version: '1', manifestSha256: id('m') },
      alignment: null,
      fineTune: null,
      prompts: { harmful: [], benign: { suite: 'b', count: 0, sha256: id('b') }, seedsPerPrompt: 1 },
      seed: 0,
      judges: [],
      sampler: { scheduler: 'DDIMScheduler', numInferenceSteps: 2, guidanceScale: 1, noise: 'philox' },
      scoring: {
        name: 'pack',
        promptCeiling: null,
        fidBounds: null,
        epsilon: 0.05,
        lambda: { S: 1, P: 1, Q: 1, R: 1 },
        combine: 'any',
        thresholds: {},
      },
    },
  }
}

function outcome(unit: string): JudgedOutcome {
  return {
    unitId: id(unit),
    stage: 'base',
    step: null,
    promptId: unit,
    language: 'en',
    suite: 's',
    category: 'c',
    concept: null,
    harmful: true,
    seed: 4_000_000_000,
    repeat: 0,
    status: 'judged',
    imageSha256: id(`${unit} image`),
    judgements: { a: { kind: 'safety-multilabel', scores: [0.25], legible: null } },
  }
}

function image(unit: string): GeneratedImage {
  const rgb = new Uint8Array(24).fill(unit.charCodeAt(0))
  return { unitId: id(unit), width: 4, height: 2, rgb, sha256: sha256Hex(rgb) }
}

describe('run store in IndexedDB', () => {
  test('keeps outcomes, pictures, timings and training across openings', async () => {
    const first = createRunStore({ storage })
    expect(await first.open(record())).toEqual({ ...record(), outcomes: [] })
    await first.append(id('run'), [outcome('a'), outcome('b')], [image('a'), image('b')], timings)
    await first.append(id('run'), [outcome('c')], [image('c')], { ...timings, images: 3 })
    await first.setTraining(id('run'), { losses: [0.5], adapterSha256: null })

    const second = createRunStore({ storage })
    const read = await second.open({ ...record(), createdAt: 'later' })
    expect(read.outcomes).toEqual([outcome('a'), outcome('b'), outcome('c')])
    expect(read).toMatchObject({ createdAt: record().createdAt, timings: { images: 3 }, training: { losses: [0.5] } })
    expect(await second.image(id('b'))).toEqual(image('b'))
    expect(await second.image(id('z'))).toBeNull()
    expect(await second.read(id('other'))).toBeNull()
    expect(second.persistent()).toBe(true)
  })

  test('lists and removes runs, and keeps the pictures another run shows', async () => {
    const store = createRunStore({ storage })
    await store.open(record('one'))
    await store.open({ ...record('two'), createdAt: '2026-02-01T00:00:00.000Z' })
    await store.append(id('one'), [outcome('a'), outcome('b')], [image('a'), image('b')], timings)
    await store.append(id('two'), [outcome('b')], [image('b')], timings)
    const list = await store.list()
    expect(list.map(({ id: run, done, planned }) => [run, done, planned])).toEqual([
      [id('two'), 1, 4],
      [id('one'), 2, 4],
    ])
    expect(list[1]?.bytes).toBeGreaterThan(48)
    await store.remove(id('one'))
    expect((await store.list()).map(({ id: run }) => run)).toEqual([id('two')])
    expect(await store.image(id('a'))).toBeNull()
    expect(await store.image(id('b'))).toEqual(image('b'))
    expect((await storage.keys()).some((key) => key.includes(id('one')))).toBe(false)
  })

  test('finds what other runs of the same environment and judges have judged', async () => {
    const store = createRunStore({ storage })
    await store.open(record('one'))
    await store.append(id('one'), [outcome('a'), outcome('b')], [image('a'), image('b')], timings)
    const two = record('two')
    expect(await store.judgedElsewhere(two, [id('b'), id('z')])).toEqual([outcome('b')])
    expect(await store.judgedElsewhere(record('one'), [id('b')])).toEqual([])
    expect(
      await store.judgedElsewhere({ ...two, environment: { ...two.environment, onnxruntime: 'another' } }, [id('b')]),
    ).toEqual([])
    expect(
      await store.judgedElsewhere(
        { ...two, judges: [{ kind: 'clip', id: 'other', sha256: id('judge'), ceiling: 1 }] },
        [id('b')],
      ),
    ).toEqual([])
    await store.remove(id('one'))
    expect(await store.judgedElsewhere(two, [id('b')])).toEqual([])
  })

  test('keeps both attempts of a unit, counts it once and answers the last', async () => {
    const store = createRunStore({ storage })
    await store.open(record())
    const { unitId, stage, step, promptId, language, suite, category, concept, harmful, seed, repeat } = outcome('a')
    const failed = {
      unitId,
      stage,
      step,
      promptId,
      language,
      suite,
      category,
      concept,
      harmful,
      seed,
      repeat,
      status: 'failed' as const,
      code: 'WORKER_CRASHED',
      message: 'It crashed.',
    }
    await store.append(id('run'), [failed, outcome('b')], [], timings)
    await store.append(id('run'), [outcome('a')], [image('a')], timings, 1)
    expect((await store.read(id('run')))?.outcomes).toEqual([outcome('a'), outcome('b')])
    expect((await store.list())[0]?.done).toBe(2)
  })

  test('tells a run of another version from a damaged one', async () => {
    const store = createRunStore({ storage })
    await storage.setMany([
      [`run:${id('old')}`, { record: { ...record('old'), schema: 0 }, batches: 0, done: 0, bytes: 0 }],
    ])
    await expect(store.read(id('old'))).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining('version 0 of the record format; this page reads version 1') as string,
      hint: expect.stringContaining('remove it') as string,
    })
  })

  test('keeps batches in order when they are appended at once', async () => {
    const store = createRunStore({ storage })
    await store.open(record())
    await Promise.all(['a', 'b', 'c', 'd'].map((unit) => store.append(id('run'), [outcome(unit)], [], timings)))
    expect((await store.read(id('run')))?.outcomes.map(({ promptId }) => promptId)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('lists what cannot be read at all, refuses it by name, begins it anew, and removes it', async () => {
    const damage: unknown[] = []
    const store = createRunStore({ storage, onDamage: (thrown) => damage.push(thrown) })
    await store.open(record('good'))
    await store.append(id('good'), [outcome('a')], [], timings)
    await store.open(record('bad'))
    await storage.setMany([
      [`run:${id('bad')}`, { nonsense: true }],
      [`copy:${id('bad')}`, { header: { nonsense: true }, sha256: 'x' }],
    ])
    await expect(store.read(id('bad'))).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining(id('bad').slice(0, 8)) as string,
    })
    expect((await store.read(id('good')))?.outcomes).toHaveLength(1)
    expect(await store.list()).toHaveLength(2)
    // Nothing of it is left to lose; that it was damaged is told.
    expect((await store.open(record('bad'))).outcomes).toEqual([])
    expect(damage).toMatchObject([{ code: 'RECORD_INVALID' }])
    await store.remove(id('bad'))
    expect((await store.list()).map(({ id: run }) => run)).toEqual([id('good')])
    expect((await storage.keys()).some((key) => key.includes(id('bad')))).toBe(false)
  })

  test('answers null for a damaged picture', async () => {
    const store = createRunStore({ storage })
    await storage.setMany([
      [`image:${id('a')}`, { ...image('a'), rgb: new Uint8Array(3) }],
      [`image:${id('b')}`, 'x'],
      [`image:${id('c')}`, { ...image('c'), rgb: image('c').rgb.with(3, 0) }],
    ])
    expect(await store.image(id('a'))).toBeNull()
    expect(await store.image(id('b'))).toBeNull()
    expect(await store.image(id('c'))).toBeNull()
  })
})

describe('a run whose database goes away while it goes on', () => {
  const name = () => `spqr-gone-${Date.now()}-${database++}`
  const deleted = (target: string) =>
    new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(target)
      request.onsuccess = () => resolve()
      request.onerror = () => reject(request.error ?? new Error('not deleted'))
    })
  const prompts = async (store: ReturnType<typeof createRunStore>) =>
    (await store.read(id('run')))?.outcomes.map(({ promptId }) => promptId)

  test('goes on in memory, whole, says so once, and blocks nobody', async () => {
    const target = name()
    const said: SpqrError[] = []
    const store = createRunStore({ storage: indexedDbKeyValue(target), onMemory: (error) => said.push(error) })
    await store.open(record())
    await store.append(id('run'), [outcome('a')], [image('a')], timings)
    await deleted(target)
    await store.append(id('run'), [outcome('b')], [image('b')], timings)
    await store.setTraining(id('run'), { losses: [0.5], adapterSha256: null })
    await store.append(id('run'), [outcome('c')], [image('c')], { ...timings, images: 3 })
    expect(said.map(({ code, message }) => [code, message.includes('goes on in memory')])).toEqual([
      ['RECORD_INVALID', true],
    ])
    expect(store.persistent()).toBe(false)
    expect(await store.read(id('run'))).toMatchObject({ timings: { images: 3 }, training: { losses: [0.5] } })
    expect(await prompts(store)).toEqual(['a', 'b', 'c'])
    expect(await store.image(id('c'))).toEqual(image('c'))
    expect((await store.list())[0]?.done).toBe(3)
    // What somebody deleted is not stored again; the next run is stored as ever.
    await store.open(record('next'))
    await store.append(id('next'), [outcome('z')], [], timings)
    const later = createRunStore({ storage: indexedDbKeyValue(target) })
    expect((await later.list()).map(({ id: run }) => run)).toEqual([id('next')])
  })

  test('goes on in memory when another tab removes it, however much of it', async () => {
    for (const part of ['run:', 'outcomes:', '']) {
      const target = name()
      const store = createRunStore({ storage: indexedDbKeyValue(target) })
      await store.open(record())
      await store.append(id('run'), [outcome('a')], [], timings)
      const other = indexedDbKeyValue(target)
      await other.delMany((await other.keys()).filter((key) => key.startsWith(part)))
      await store.append(id('run'), [outcome('b')], [], timings)
      expect(await prompts(store)).toEqual(['a', 'b'])
    }
  })
})

describe('run store without storage', () => {
  test('goes on in memory when the quota is exhausted, and says so once', async () => {
    let full = false
    const limited: BatchKeyValue = {
      ...storage,
      setMany: (entries) =>
        full
          ? Promise.reject(new DOMException('The quota has been exceeded.', 'QuotaExceededError'))
          : storage.setMany(entries),
    }
    const warnings: SpqrError[] = []
    const store = createRunStore({ storage: limited, onMemory: (error) => warnings.push(error) })
    await store.open(record())
    await store.append(id('run'), [outcome('a')], [image('a')], timings)
    expect(store.persistent()).toBe(true)
    full = true
    await store.append(id('run'), [outcome('b')], [image('b')], timings)
    await store.append(id('run'), [outcome('c')], [image('c')], timings)
    expect(store.persistent()).toBe(false)
    expect(warnings.map(({ code, message }) => [code, message])).toEqual([
      ['STORAGE_FULL', expect.stringContaining('The quota has been exceeded.')],
    ])
    expect((await store.read(id('run')))?.outcomes.map(({ promptId }) => promptId)).toEqual(['a', 'b', 'c'])
    expect(await store.image(id('a'))).toEqual(image('a'))
    expect(await store.image(id('c'))).toEqual(image('c'))
    expect(await store.list()).toEqual([expect.objectContaining({ done: 3 })])
    // What was stored before the quota was hit is still there for the next visit.
    expect((await createRunStore({ storage }).read(id('run')))?.outcomes.map(({ promptId }) => promptId)).toEqual(['a'])
    await store.remove(id('run'))
    expect(await store.read(id('run'))).toBeNull()
  })

  test('works where there is no IndexedDB at all', async () => {
    const warnings: SpqrError[] = []
    const store = createRunStore({ storage: null, onMemory: (error) => warnings.push(error) })
    await store.open(record())
    await store.append(id('run'), [outcome('a')], [image('a')], timings)
    expect(store.persistent()).toBe(false)
    expect(warnings).toHaveLength(1)
    expect((await store.read(id('run')))?.outcomes).toHaveLength(1)
  })

  test('works where every access is refused', async () => {
    const refuse = () => Promise.reject(new DOMException('Denied.', 'SecurityError'))
    const store = createRunStore({ storage: { getMany: refuse, setMany: refuse, delMany: refuse, keys: refuse } })
    await store.open(record())
    await store.append(id('run'), [outcome('a')], [], timings)
    expect((await store.read(id('run')))?.outcomes).toHaveLength(1)
    expect(await store.list()).toHaveLength(1)
    await store.remove(id('run'))
    expect(await store.list()).toHaveLength(0)
  })
})

describe('what version 0.1.0 stored', () => {
  test('opens from IndexedDB, with its pictures', async () => {
    const dump = JSON.parse(dumpText) as StoreDump
    await putBack(dump, storage)
    const store = createRunStore({ storage })
    const runs = await store.list()
    expect(runs.map(({ done, planned }) => [done, planned])).toEqual([
      [36, 36],
      [32, 32],
    ])
    for (const { id: runId, planned } of runs) expect((await store.read(runId))?.outcomes).toHaveLength(planned)
    const pictures = dump.entries.filter(([key]) => key.startsWith('image:')).map(([key]) => key.slice('image:'.length))
    expect(pictures).toHaveLength(3)
    for (const unitId of pictures) {
      const image = await store.image(unitId)
      expect(image?.rgb).toHaveLength(64 * 64 * 3)
      expect(sha256Hex(image?.rgb ?? new Uint8Array())).toBe(image?.sha256)
    }
  })
})
