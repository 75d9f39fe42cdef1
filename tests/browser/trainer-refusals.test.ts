/** What the trainer must refuse or survive that needs a prepared world: a flagged picture, a full disk, a pack without graphs. */
import { expect, test } from 'vitest'
import type { LiveFineTune, PackManifest } from '../../src/core/contracts'
import { CHECKPOINT_DATABASE, type KeyValue } from '../../src/runtime'
import { Trainer } from '../../src/runtime/trainer'
import { ORT_BASE, WASM, rejection } from '../helpers/engine'
import { MemoryKeyValue } from '../helpers/memoryStore'
import { PACK } from '../helpers/trainer'

/** A trainer in this page on the demo pack with a changed manifest. */
async function trainerWith(
  edit: (manifest: PackManifest) => void,
  store: (database: string) => KeyValue = () => new MemoryKeyValue(),
  warned: string[] = [],
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
  await trainer.open(PACK, WASM, (event) => {
    if (event.type === 'warning') warned.push(event.code)
  })
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

const lite: LiveFineTune = {
  kind: 'live',
  profile: 'lite',
  scenario: 'general',
  steps: 3,
  batchSize: 1,
  learningRate: 1e-4,
  seed: 0,
  checkpoints: [0, 3],
  dataset: 'pictogram:general',
  datasetSha256: '0'.repeat(64),
}
const only = (checkpoints: KeyValue) => (database: string) =>
  database === CHECKPOINT_DATABASE ? checkpoints : new MemoryKeyValue()

test('a full disk does not stop training: checkpoints stay in memory, and it is said once', async () => {
  const warned: string[] = []
  const checkpoints = new MemoryKeyValue(0)
  const trainer = await trainerWith(() => undefined, only(checkpoints), warned)
  const first = await trainer.train(null, lite, 1, () => undefined)
  const last = await trainer.train(null, lite, 3, () => undefined)
  expect(warned).toEqual(['STORAGE_FULL'])
  expect(checkpoints.values.size).toBe(0)
  // Both are there, the earlier one too.
  expect((await trainer.exportAdapter(first.checkpointKey)).sha256).toBe(first.trace.adapterSha256)
  expect((await trainer.exportAdapter(last.checkpointKey)).sha256).toBe(last.trace.adapterSha256)
  await trainer.close()
})

test('damaged checkpoints and states are found by their hashes and trained again, to the same bits', async () => {
  const checkpoints = new MemoryKeyValue()
  const whole = await trainerWith(() => undefined, only(checkpoints))
  const first = await whole.train(null, lite, 1, () => undefined)
  const last = await whole.train(null, lite, 3, () => undefined)
  await whole.close()
  const kept = new Map(checkpoints.values)
  const state = [...kept.keys()].find((key) => key.endsWith(':state'))!
  const flip = (values: Float32Array) => {
    const changed = values.slice()
    new Uint8Array(changed.buffer)[6]! ^= 1
    return changed
  }
  const stored = kept.get(state) as { flat: Float32Array }
  const adapter = kept.get(first.checkpointKey) as Uint8Array
  const damages: [string, unknown, number][] = [
    [state, { ...stored, flat: flip(stored.flat) }, 3],
    [first.checkpointKey, adapter.with(adapter.length - 2, adapter.at(-2)! ^ 1), 1],
  ]
  for (const [key, value, toStep] of damages) {
    checkpoints.values.clear()
    for (const [name, one] of kept) checkpoints.values.set(name, one)
    checkpoints.values.set(key, value)
    const warned: string[] = []
    const trainer = await trainerWith(() => undefined, only(checkpoints), warned)
    const steps: number[] = []
    const result = await trainer.train(null, lite, toStep, ({ step }) => {
      steps.push(step)
    })
    expect(warned).toEqual(['CHECKPOINT_INVALID'])
    expect(steps).toEqual(toStep === 3 ? [1, 2, 3] : [1])
    expect(result).toEqual(toStep === 3 ? last : first)
    expect((await trainer.exportAdapter(result.checkpointKey)).sha256).toBe(result.trace.adapterSha256)
    await trainer.close()
  }
})

test('a pack without training graphs says so', async () => {
  const error = await rejection(
    trainerWith((manifest) => {
      delete manifest.training
    }),
  )
  expect(error).toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/no training graphs/) as string })
})
