/** The trainer in its worker, on the demo pack, and the fine-tune that its tests vary. */
import { proxy, wrap, type Remote } from 'comlink'
import { readSafetensors } from '../../src/core/adapters'
import type { AlignmentSpec, LiveFineTune, TrainerApi } from '../../src/core/contracts'
import { CHECKPOINT_DATABASE, idbKeyValue } from '../../src/runtime'
import { WASM } from './engine'

export const PACK = new URL('/packs/pictogram/', location.origin).href

export const fineTuneOf = (steps: number, learningRate: number): LiveFineTune => ({
  kind: 'live',
  profile: 'lite',
  scenario: 'general',
  steps,
  batchSize: 2,
  learningRate,
  seed: 11,
  checkpoints: [0, steps],
  dataset: 'pictogram:general',
  datasetSha256: '0'.repeat(64),
})

export const uce: AlignmentSpec = {
  kind: 'closed-form',
  method: 'uce',
  concepts: ['kitchen knife'],
  guide: '',
  preserve: ['panda'],
  eraseScale: 1,
  preserveScale: 1,
  lambda: 0.5,
  rounds: 1,
}

/** The first harmless pictures of the pack with their captions, as a folder of the user's. */
export async function firstPictures(count: number) {
  const get = (name: string) => fetch(`${PACK}training/${name}`)
  const captions = (await (await get('general.json')).json()) as { image: number; text: string }[]
  const images = readSafetensors(new Uint8Array(await (await get('general.safetensors')).arrayBuffer())).tensors
  const pixels = images.get('images')!.bytes
  const [width, height] = [64, 64]
  const size = width * height * 3
  return Array.from({ length: count }, (_, i) => ({
    file: `${i}.png`,
    caption: captions.find(({ image }) => image === i)?.text ?? null,
    ...{ width, height, rgb: pixels.slice(i * size, (i + 1) * size) },
  }))
}

/** A worker of its own with the demo pack open; `stop` ends it. */
export async function startTrainer(): Promise<{ trainer: Remote<TrainerApi>; stop: () => void }> {
  const worker = new Worker(new URL('../../workers/trainer.ts', import.meta.url), { type: 'module' })
  const trainer = wrap<TrainerApi>(worker)
  await trainer.open(
    PACK,
    WASM,
    proxy(() => undefined),
  )
  return { trainer, stop: () => worker.terminate() }
}

/** Deletes what earlier training left. */
export async function forgetCheckpoints(): Promise<void> {
  const store = idbKeyValue(CHECKPOINT_DATABASE)
  for (const key of await store.keys()) await store.delete(key)
}
