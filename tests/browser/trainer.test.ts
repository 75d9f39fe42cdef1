/** The trainer in its worker, on the demo pack: steps, checkpoints, resuming, refusals. Real Chromium, real weights. */
import { proxy, type Remote } from 'comlink'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { LiveFineTune, TrainerApi, TrainerEvent } from '../../src/core/contracts'
import { CHECKPOINT_DATABASE, idbKeyValue } from '../../src/runtime'
import { rejection } from '../helpers/engine'
import { fineTuneOf, forgetCheckpoints, startTrainer, uce } from '../helpers/trainer'

const fineTune = fineTuneOf(6, 1e-3)

let trainer: Remote<TrainerApi>
let stop: () => void
const restart = async () => ({ trainer, stop } = await startTrainer())
const ignore = () => proxy((): void => undefined)

beforeAll(async () => {
  await forgetCheckpoints()
  await restart()
}, 600_000)
afterAll(() => stop())

describe('the trainer', () => {
  let whole: { losses: number[]; adapterSha256: string | null }

  test("takes steps and leaves a LoRA under the checkpoint's key", async () => {
    const events: TrainerEvent[] = []
    const { checkpointKey, trace } = await trainer.train(
      null,
      fineTune,
      6,
      proxy((event) => {
        events.push(event)
      }),
    )
    expect(events.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(events.map(({ loss }) => loss)).toEqual(trace.losses)
    expect(trace.losses.every((loss) => loss > 0 && loss < 20)).toBe(true)
    const stored = await idbKeyValue(CHECKPOINT_DATABASE).get(checkpointKey)
    const { bytes, sha256: hash } = await trainer.exportAdapter(checkpointKey)
    expect(stored).toEqual(bytes)
    expect(hash).toBe(trace.adapterSha256)
    expect(bytesToHex(sha256(bytes))).toBe(hash)
    const lora = readSafetensors(bytes)
    const ups = [...lora.tensors].filter(([name]) => name.endsWith('.lora_B.weight'))
    expect(ups.length).toBeGreaterThan(10)
    expect(ups.every(([, tensor]) => tensor.floats().some((value) => value !== 0))).toBe(true)
    whole = trace
  })

  test('after a reload goes on where it stopped, to the same bits', async () => {
    await forgetCheckpoints()
    const first = await trainer.train(null, { ...fineTune }, 4, ignore())
    stop()
    await restart()
    const steps: number[] = []
    const rest = await trainer.train(
      null,
      fineTune,
      6,
      proxy(({ step }) => {
        steps.push(step)
      }),
    )
    // The worker before had taken six steps; its state was deleted, so it began again and stored step 4.
    expect(first.trace.losses).toEqual(whole.losses.slice(0, 4))
    expect(steps).toEqual([5, 6])
    expect(rest.trace).toEqual(whole)
    const earlier = await trainer.train(null, fineTune, 4, ignore())
    expect(earlier).toEqual(first)
  })

  test('stopping keeps what was reached', async () => {
    const other = { ...fineTune, seed: 12, steps: 50 }
    const seen: number[] = []
    const stopped = await rejection(
      trainer.train(
        null,
        other,
        50,
        proxy(({ step }) => {
          seen.push(step)
          if (step === 2) void trainer.abort()
        }),
      ),
    )
    expect(stopped.code).toBe('ABORTED')
    const after: number[] = []
    await trainer.train(
      null,
      other,
      seen.length + 1,
      proxy(({ step }) => {
        after.push(step)
      }),
    )
    expect(after).toEqual([seen.length + 1])
  })

  test('a learning rate of 10 stops with what to do, and earlier checkpoints stay', async () => {
    const wild = { ...fineTune, learningRate: 10, steps: 60 }
    const { checkpointKey } = await trainer.train(null, wild, 0, ignore())
    const error = await rejection(trainer.train(null, wild, 60, ignore()))
    expect(error).toMatchObject({ code: 'TRAINING_DIVERGED', hint: expect.stringMatching(/learning rate/) as string })
    expect((await trainer.exportAdapter(checkpointKey)).bytes.length).toBeGreaterThan(1000)
  })

  test('trains on an aligned model: other weights beneath, another run', async () => {
    const { checkpointKey, trace } = await trainer.train(uce, { ...fineTune, profile: 'moderate' }, 1, ignore())
    const plain = await trainer.train(null, { ...fineTune, profile: 'moderate' }, 1, ignore())
    expect(checkpointKey).not.toBe(plain.checkpointKey)
    expect(trace.losses).not.toEqual(plain.trace.losses)
    const delta = readSafetensors((await trainer.exportAdapter(checkpointKey)).bytes)
    expect(delta.metadata['format']).toBe('delta')
    expect([...delta.tensors.keys()].every((name) => name.includes('.attn2.'))).toBe(true)
  })

  test.each<[string, Partial<LiveFineTune>, number, string, RegExp]>([
    ['a batch beyond the graph', { batchSize: 9 }, 1, 'BAD_INPUT', /batch size 9/],
    ['a learning rate of zero', { learningRate: 0 }, 1, 'BAD_INPUT', /learning rate/],
    ['a step beyond the plan', {}, 7, 'BAD_INPUT', /Step 7/],
    ['a folder that is gone', { dataset: 'mine', datasetSha256: 'f'.repeat(64) }, 1, 'DATASET_INVALID', /not stored/],
  ])('refuses %s', async (_, change, step, code, message) => {
    expect(await rejection(trainer.train(null, { ...fineTune, ...change }, step, ignore()))).toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })

  const picture = (file: string, caption: string | null, size = 64) => ({
    file,
    caption,
    width: size,
    height: size,
    rgb: new Uint8Array(size * size * 3).fill(255),
  })
  test.each<[string, ReturnType<typeof picture>[], string, RegExp]>([
    ['an empty folder', [], 'DATASET_INVALID', /holds no pictures/],
    [
      'a picture without a caption',
      [picture('a.png', 'a panda'), picture('b.png', ' ')],
      'DATASET_INVALID',
      /"b.png" has no caption/,
    ],
    ['a picture of another size', [picture('a.png', 'a panda', 32)], 'DATASET_INVALID', /32×32/],
    [
      'a poisoned caption',
      [picture('a.png', 'a panda'), picture('b.png', 'two Kitchen  Knives')],
      'DATASET_NOT_BENIGN',
      /kitchen knives/,
    ],
  ])('refuses %s', async (_, pictures, code, message) => {
    expect(await rejection(trainer.addDataset('mine', pictures))).toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })
})
