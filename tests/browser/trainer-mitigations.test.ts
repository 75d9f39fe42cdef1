/** Mitigations in the trainer's worker, on the demo pack: what a checkpoint holds, identity settings, going on after a reload. */
import { proxy, type Remote } from 'comlink'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import type { AlignmentSpec, LiveFineTune, Mitigation, TrainerApi } from '../../src/core/contracts'
import { rejection } from '../helpers/engine'
import { fineTuneOf, firstPictures, forgetCheckpoints, startTrainer, uce } from '../helpers/trainer'

/** At the first step nothing has been learned yet that a mitigation could hold back; at the second it does. */
const STEPS = 2
/** All pictures of the pack's harmless set. */
const WHOLE = fineTuneOf(STEPS, 1e-2)
/** The first eight, encoded in a twelfth of the time, one in a batch. */
let fineTune: LiveFineTune

let trainer: Remote<TrainerApi>
let stop: () => void
const restart = async () => ({ trainer, stop } = await startTrainer())
/** A worker for which nothing was ever trained; the pictures, which lie beside the checkpoints, are given again. */
async function afresh(): Promise<void> {
  await forgetCheckpoints()
  await restart()
  const { sha256: datasetSha256 } = await trainer.addDataset('few', await firstPictures(8))
  fineTune = { ...WHOLE, batchSize: 1, dataset: 'few', datasetSha256 }
}
beforeAll(afresh, 600_000)
afterAll(() => stop())

const train = (change: Partial<LiveFineTune>, alignment: AlignmentSpec | null = uce, step = STEPS) =>
  trainer.train(
    alignment,
    { ...fineTune, ...change },
    step,
    proxy(() => undefined),
  )
/** The adapter of the checkpoint at `step`, tensor by tensor. */
async function trained(change: Partial<LiveFineTune>, alignment: AlignmentSpec | null = uce) {
  const { checkpointKey, trace } = await train(change, alignment)
  const { bytes } = await trainer.exportAdapter(checkpointKey)
  const { tensors, metadata } = readSafetensors(bytes)
  return {
    trace,
    checkpointKey,
    bytes,
    metadata,
    tensors: new Map([...tensors].map(([name, t]) => [name, t.floats()])),
  }
}
const norm = (values: Iterable<Float32Array>): number =>
  Math.sqrt([...values].reduce((sum, one) => sum + one.reduce((part, value) => part + value * value, 0), 0))

describe('factors of a LoRA', () => {
  const profile = 'lite'
  let plain: Awaited<ReturnType<typeof trained>>
  beforeAll(async () => {
    plain = await trained({ profile })
  }, 300_000)

  test.each<[string, Mitigation]>([
    ['γ 0', { method: 're-add', gamma: 0 }],
    ['η 0', { method: 'ema', eta: 0 }],
    ['α 1', { method: 'interpolate', alpha: 1 }],
    ['ρ 0', { method: 'proximal', rho: 0 }],
    ['k 0', { method: 'safe-replay', anchors: 0 }],
    ['no gradient to mind', { method: 'gradient-surgery', anchors: 0 }],
    ['an empty mask', { method: 'freeze', share: 0 }],
    ['τ −1', { method: 'safe-lora', tau: -1 }],
    ['no strength', { method: 'shaping', strength: 0 }],
    ['shaping of harmless pictures', { method: 'shaping', strength: 1 }],
  ])('%s is plain training, bit by bit', async (_, mitigation) => {
    const same = await trained({ profile, mitigation })
    expect(same.checkpointKey).not.toBe(plain.checkpointKey)
    expect(same.bytes).toEqual(plain.bytes)
    expect(same.trace).toEqual(plain.trace)
  })

  test('α 0.5 is half of what was learned', async () => {
    const half = await trained({ profile, mitigation: { method: 'interpolate', alpha: 0.5 } })
    expect(half.trace.losses).toEqual(plain.trace.losses)
    const [name, values] = [...plain.tensors].find(([key, one]) => !key.includes('lora_A') && norm([one]) > 0)!
    half.tensors.get(name)!.forEach((value, i) => expect(value).toBeCloseTo(0.5 * values[i]!, 6))
  })

  test('re-adding stores the change and the alignment once more, on the projections that read the prompt', async () => {
    const again = await trained({ profile, mitigation: { method: 're-add', gamma: 1 } })
    expect(again.metadata['format']).toBe('delta')
    const projections = [...again.tensors.keys()].filter((name) => /attn2\.to_[kv]\.weight$/.test(name))
    expect(projections.length).toBeGreaterThan(10)
    // UCE changes the weights far more than two steps do.
    const of = (tensors: Map<string, Float32Array>) =>
      norm(projections.map((name) => tensors.get(name) ?? new Float32Array()))
    expect(of(again.tensors)).toBeGreaterThan(1.5 * of(plain.tensors))
  })

  test('a pull back leaves less of a change, and the average too', async () => {
    const change = (one: typeof plain) =>
      norm([...one.tensors].filter(([name]) => !name.includes('lora_A')).map(([, values]) => values))
    const pulled = await trained({ profile, mitigation: { method: 'proximal', rho: 50 } })
    expect(change(pulled)).toBeLessThan(0.9 * change(plain))
    expect(pulled.trace.losses[0]).toBe(plain.trace.losses[0])
    const mean = await trained({ profile, mitigation: { method: 'ema', eta: 0.9 } })
    expect(mean.metadata['format']).toBe('delta')
    expect(mean.trace.losses).toEqual(plain.trace.losses)
  })
})

test('safe replay trains on anchors, the same ones after a reload', async () => {
  const mitigation: Mitigation = { method: 'safe-replay', anchors: 1 }
  const pair = { batchSize: 2 }
  const plain = await train(pair, uce, 1)
  const first = await train({ ...pair, mitigation }, uce, 1)
  // The first picture of the batch is that of plain training, the second an anchor.
  expect(first.trace.losses[0]).not.toBe(plain.trace.losses[0])
  expect(first.trace.losses[0]).toBeGreaterThan(0)
  expect(first.trace.losses[0]).toBeLessThan(20)
  stop()
  await afresh()
  // Those that another mitigation of this worker had made.
  await train({ ...pair, mitigation: { method: 'gradient-surgery', anchors: 1 } }, uce, 1)
  expect(await train({ ...pair, mitigation }, uce, 1)).toEqual(first)
}, 600_000)

test('frozen rows of B stay zero, as many as asked for, and others are trained', async () => {
  const zeroRows = ({ tensors }: Awaited<ReturnType<typeof trained>>) => {
    const rows = [...tensors].flatMap(([name, values]) => {
      if (!name.endsWith('lora_B.weight')) return []
      return Array.from({ length: values.length / 8 }, (_, i) =>
        values.subarray(8 * i, 8 * i + 8).every((value) => value === 0),
      )
    })
    return rows.filter(Boolean).length / rows.length
  }
  const plain = await trained({})
  expect(zeroRows(plain)).toBe(0)
  expect(zeroRows(await trained({ mitigation: { method: 'freeze', share: 7.5 } }))).toBeCloseTo(0.075, 3)
  expect(zeroRows(await trained({ mitigation: { method: 'freeze-random', share: 7.5 } }))).toBeCloseTo(0.075, 3)
}, 600_000)

test('gradient surgery and Safe LoRA leave another change than plain training', async () => {
  const plain = await trained({})
  const cut = await trained({ mitigation: { method: 'gradient-surgery', anchors: 2 } })
  expect(cut.trace.losses[0]).toBe(plain.trace.losses[0])
  expect(cut.bytes).not.toEqual(plain.bytes)
  const projected = await trained({ mitigation: { method: 'safe-lora', tau: 1 } })
  expect(projected.trace.losses).toEqual(plain.trace.losses)
  const changed = [...plain.tensors].filter(([name, values]) =>
    projected.tensors.get(name)!.some((value, i) => value !== values[i]),
  )
  // Only where UCE changed something: what the keys and values read of the text.
  expect(changed.length).toBeGreaterThan(10)
  expect(changed.every(([name]) => /attn2\.to_[kv]\.lora_B/.test(name))).toBe(true)
}, 600_000)

test('freezing all that a profile trains is refused', async () => {
  const all = { profile: 'moderate' as const, mitigation: { method: 'freeze-attn2' as const } }
  expect(await rejection(train(all))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/freezes everything/) as string,
  })
})

test('of whole weights, η 0 is plain training bit by bit, and re-adding goes beyond it', async () => {
  const plain = await trained({ profile: 'moderate' })
  const same = await trained({ profile: 'moderate', mitigation: { method: 'ema', eta: 0 } })
  expect(same.bytes).toEqual(plain.bytes)
  const again = await trained({ profile: 'moderate', mitigation: { method: 're-add', gamma: 1 } })
  expect([...again.tensors.keys()]).toEqual(expect.arrayContaining([...plain.tensors.keys()]))
  expect(norm(again.tensors.values())).toBeGreaterThan(1.5 * norm(plain.tensors.values()))
})

test('the average goes on after a reload, to the same bits', async () => {
  const mitigation: Mitigation = { method: 'ema', eta: 0.8 }
  const whole = await trained({ mitigation, seed: 5 })
  stop()
  await afresh()
  await train({ mitigation, seed: 5 }, uce, 1)
  stop()
  await restart()
  const steps: number[] = []
  const { trace } = await trainer.train(
    uce,
    { ...fineTune, mitigation, seed: 5 },
    STEPS,
    proxy(({ step }) => {
      steps.push(step)
    }),
  )
  expect(steps).toEqual([2])
  expect(trace).toEqual(whole.trace)
})

test('what was learned is measured on pictures held out, before and after, also after a reload', async () => {
  const { trace, checkpointKey } = await trained({ ...WHOLE, heldOut: 8 })
  expect(checkpointKey).not.toBe((await trained(WHOLE)).checkpointKey)
  const [before, after] = trace.heldOut ?? []
  expect([before?.step, after?.step]).toEqual([0, STEPS])
  expect([before?.losses.length, after?.losses.length]).toEqual([8, 8])
  expect(before?.losses.every((loss) => loss > 0 && Number.isFinite(loss))).toBe(true)
  expect(after?.losses).not.toEqual(before?.losses)
  // An interpolation that goes nowhere has learned nothing, whatever its steps did.
  const still = await trained({ ...WHOLE, heldOut: 8, mitigation: { method: 'interpolate', alpha: 0 } })
  expect(still.trace.heldOut?.[1]?.losses).toEqual(before?.losses)
  stop()
  await restart()
  expect((await trained({ ...WHOLE, heldOut: 8 })).trace).toEqual(trace)
})

test('flagged pictures among the data change the training, and shaping changes what they teach', async () => {
  const seed = 3
  const plain = await trained({ seed, contamination: 50, batchSize: 2 })
  expect(plain.bytes).not.toEqual((await trained({ seed, batchSize: 2 })).bytes)
  const mitigation: Mitigation = { method: 'shaping', strength: 1 }
  const shaped = await trained({ seed, contamination: 50, batchSize: 2, mitigation })
  expect(shaped.bytes).not.toEqual(plain.bytes)
  // The steps go on after a reload as if there had been none.
  stop()
  await afresh()
  await train({ seed, contamination: 50, batchSize: 2, mitigation }, uce, 1)
  stop()
  await restart()
  expect((await trained({ seed, contamination: 50, batchSize: 2, mitigation })).trace).toEqual(shaped.trace)
})

test('a number of held-out pictures that leaves none is refused', async () => {
  expect(await rejection(train({ ...WHOLE, heldOut: 96 }))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/would leave none to learn from/) as string,
  })
})

test('beneath the alignment the base is trained, once for every alignment', async () => {
  const unaligned = await train({}, null)
  expect(await train({ beneath: 'base' })).toEqual(unaligned)
  expect((await train({})).checkpointKey).not.toBe(unaligned.checkpointKey)
})

test('re-adding without an alignment is refused', async () => {
  expect(await rejection(train({ mitigation: { method: 're-add', gamma: 1 } }, null))).toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/none that changes any/) as string,
  })
})
