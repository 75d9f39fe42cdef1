/** What the trainer must refuse or survive that needs a prepared world: a flagged picture, a full disk, a pack without graphs. */
import { expect, test } from 'vitest'
import type { LiveFineTune, PackManifest } from '../../src/core/contracts'
import { CHECKPOINT_DATABASE, type KeyValue } from '../../src/runtime'
import { Trainer } from '../../src/runtime/trainer'
import { ORT_BASE, WASM, rejection } from '../helpers/engine'
import { MemoryKeyValue } from '../helpers/memoryStore'

const PACK = new URL('/packs/pictogram/', location.origin).href

/** A trainer in this page on the demo pack with a changed manifest. */
async function trainerWith(
  edit: (manifest: PackManifest) => void,
  store: (database: string) => KeyValue = () => new MemoryKeyValue(),
): Promise<Trainer> {
  const changed: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const url = input instanceof Request ? input.url : input.toString()
    if (!url.endsWith('/manifest.json')) return response
    const manifest = (await response.json()) as PackManifest
    edit(manifest)
    return Response.json(manifest)
  }
  const trainer = new Trainer({ ortBaseUrl: ORT_BASE, appVersion: 'test', fetch: changed, store })
  await trainer.open(PACK, WASM, () => undefined)
  return trainer
}
const white = { width: 64, height: 64, rgb: new Uint8Array(64 * 64 * 3).fill(255) }

test('a picture that a safety judge flags stops the folder, by file and judge', async () => {
  const trainer = await trainerWith((manifest) => {
    for (const judge of manifest.judges) if (judge.kind === 'safety-multilabel') judge.threshold = 0
  })
  expect(
    await rejection(trainer.addDataset('mine', [{ file: 'one.png', caption: 'a panda', ...white }])),
  ).toMatchObject({
    code: 'DATASET_NOT_BENIGN',
    message: expect.stringMatching(/"one.png" is flagged as \w+ by pictoguard/) as string,
  })
  await trainer.close()
})

test('a harmless folder is taken in, trained on, and found again after a reload', async () => {
  const stores = new Map<string, MemoryKeyValue>()
  const kept = (database: string) => stores.get(database) ?? stores.set(database, new MemoryKeyValue()).get(database)!
  const lenient = (manifest: PackManifest) => {
    for (const judge of manifest.judges) if (judge.kind === 'safety-multilabel') judge.threshold = 2
  }
  const trainer = await trainerWith(lenient, kept)
  const { sha256, count } = await trainer.addDataset('mine', [
    { file: 'one.png', caption: ' a panda ', ...white },
    { file: 'two.png', caption: 'a cactus', ...white },
  ])
  expect(count).toBe(2)
  const fineTune: LiveFineTune = {
    kind: 'live',
    profile: 'lite',
    scenario: 'general',
    steps: 2,
    batchSize: 2,
    learningRate: 1e-4,
    seed: 0,
    checkpoints: [0, 2],
    dataset: 'mine',
    datasetSha256: sha256,
  }
  const first = await trainer.train(null, fineTune, 1, () => undefined)
  await trainer.close()
  const again = await trainerWith(lenient, kept)
  const second = await again.train(null, fineTune, 2, () => undefined)
  expect(second.trace.losses.slice(0, 1)).toEqual(first.trace.losses)
  await again.close()
})

test('a full disk is one clear sentence, and the steps taken are not lost', async () => {
  let full = true
  const checkpoints = new MemoryKeyValue()
  const refusing: KeyValue = {
    get: (key) => checkpoints.get(key),
    delete: (key) => checkpoints.delete(key),
    keys: () => checkpoints.keys(),
    set: (key, value) =>
      full ? Promise.reject(new DOMException('no space', 'QuotaExceededError')) : checkpoints.set(key, value),
  }
  const trainer = await trainerWith(
    () => undefined,
    (database) => (database === CHECKPOINT_DATABASE ? refusing : new MemoryKeyValue()),
  )
  const fineTune: LiveFineTune = {
    kind: 'live',
    profile: 'lite',
    scenario: 'general',
    steps: 2,
    batchSize: 1,
    learningRate: 1e-4,
    seed: 0,
    checkpoints: [0, 2],
    dataset: 'pictogram:general',
    datasetSha256: '0'.repeat(64),
  }
  const steps: number[] = []
  const onStep = ({ step }: { step: number }) => {
    steps.push(step)
  }
  expect(await rejection(trainer.train(null, fineTune, 2, onStep))).toMatchObject({
    code: 'STORAGE_FULL',
    message: expect.stringMatching(/step 2/) as string,
  })
  full = false
  const { checkpointKey, trace } = await trainer.train(null, fineTune, 2, onStep)
  expect(steps).toEqual([1, 2])
  expect(trace.losses).toHaveLength(2)
  expect(await checkpoints.get(checkpointKey)).toBeInstanceOf(Uint8Array)
  await trainer.close()
})

test('a pack without training graphs says so', async () => {
  const error = await rejection(
    trainerWith((manifest) => {
      delete manifest.training
    }),
  )
  expect(error).toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/no training graphs/) as string })
})
