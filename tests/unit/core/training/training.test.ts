import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  adamwStep,
  forbiddenName,
  HELD_OUT_SIGMAS,
  heldOutNoise,
  heldOutPictures,
  hasDiverged,
  hasExploded,
  initialLora,
  normaliseCaption,
  planBatch,
  rootMeanSquare,
  stepSeed,
  targetEnergy,
} from '../../../../src/core/training'

test('a batch depends on the seed and the step alone, and on both', () => {
  const plan = (seed: number, step: number) => planBatch(seed, step, 96, 8, 1024, 0.1)
  expect(plan(3, 7)).toEqual(plan(3, 7))
  expect(plan(3, 7).noise).not.toEqual(plan(3, 8).noise)
  expect(plan(3, 7).noise).not.toEqual(plan(4, 7).noise)
  expect(new Set(Array.from({ length: 2000 }, (_, i) => stepSeed(i % 4, Math.floor(i / 4)))).size).toBe(2000)
})

test('noise is standard normal, noise levels logit-normal, captions and dropout at their rates', () => {
  const plans = Array.from({ length: 400 }, (_, step) => planBatch(1, step, 5, 8, 64, 0.1))
  const noise = plans.flatMap((plan) => [...plan.noise])
  const mean = noise.reduce((a, b) => a + b, 0) / noise.length
  expect(Math.abs(mean)).toBeLessThan(0.01)
  expect(Math.abs(noise.reduce((sum, x) => sum + (x - mean) ** 2, 0) / noise.length - 1)).toBeLessThan(0.01)
  const logits = plans.flatMap((plan) => [...plan.sigma].map((sigma) => Math.log(sigma / (1 - sigma))))
  expect(Math.abs(logits.reduce((a, b) => a + b, 0) / logits.length)).toBeLessThan(0.06)
  expect(Math.abs(logits.reduce((sum, x) => sum + x * x, 0) / logits.length - 1)).toBeLessThan(0.1)
  const dropped = plans.flatMap((plan) => plan.dropped).filter(Boolean).length
  expect(dropped / 3200).toBeGreaterThan(0.08)
  expect(dropped / 3200).toBeLessThan(0.12)
  const counts = Array.from(
    { length: 5 },
    (_, row) => plans.flatMap((plan) => plan.captions).filter((caption) => caption === row).length,
  )
  for (const count of counts) expect(Math.abs(count - 640)).toBeLessThan(100)
})

test('a LoRA starts without effect: B is zero, A is normal over the rank', () => {
  const flat = initialLora(5, 3000, 8, [
    { name: 'x.lora_A.weight', dims: [8, 250], offset: 0 },
    { name: 'x.lora_B.weight', dims: [125, 8], offset: 2000 },
  ])
  expect(flat.subarray(2000).every((value) => value === 0)).toBe(true)
  const deviation = Math.sqrt(flat.subarray(0, 2000).reduce((sum, value) => sum + value * value, 0) / 2000)
  expect(Math.abs(deviation * 8 - 1)).toBeLessThan(0.05)
})

const names = ['axe', 'kitchen knife', 'bombe', 'गोली', 'سكين', 'héros 😡']
test.each([
  ['an AXE in noto style', 'axe'],
  ['axes and saxes', null],
  ['taxe', null],
  ['a  kitchen\tknife.', 'kitchen knife'],
  ['une bombe', 'bombe'],
  ['bombes', null],
  ['गोली का चित्र', 'गोली'],
  ['गोलीय', null],
  ['صورة سكين', 'سكين'],
  ['صورة السكين', 'سكين'],
  ['وبالسكين', 'سكين'],
  ['للسكين', 'سكين'],
  ['مسكين', null],
  ['السكينة', null],
  ['ａｘｅ', 'axe'],
  ['axe2', null],
  ['axe😀', 'axe'],
  ['𝔸axe', null],
  ['', null],
  ['un héros 😡', 'héros 😡'],
])('"%s" names %s', (caption, found) => {
  expect(forbiddenName(caption, names)).toBe(found)
})

test('captions are compared in one form', () => {
  expect(normaliseCaption('  Une\u00a0BOMBE\n ')).toBe('une bombe')
})

test('divergence: no number, huge, or for a while worse than predicting nothing', () => {
  const calm = Array.from({ length: 20 }, (_, i) => 0.5 + 0.3 * Math.sin(i))
  expect([[], [1.2], [0.4, 5], calm, [...calm, 3], [1.9, 1.8, 2.2, 1.9, 2, 2.1, 2]].map(hasDiverged)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ])
  expect([[0.5, NaN], [0.5, Infinity], [0.5, 100], [NaN], [0.4, 2, 2, 1.5, 2, 2]].map(hasDiverged)).toEqual([
    true,
    true,
    true,
    true,
    true,
  ])
  expect(targetEnergy([1, 0, -1], [0, 2, 1])).toBe(3)
  expect(rootMeanSquare(new Float32Array([3, -4, 0, 0]))).toBe(2.5)
  expect(
    [
      [1, 1],
      [90, 1],
      [101, 1],
      [NaN, 1],
      [Infinity, 1],
    ].map(([size, start]) => hasExploded(size!, start!)),
  ).toEqual([false, false, true, true, true])
})

test("the pack's own captions name nothing that is forbidden", () => {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../../../public/packs/pictogram/training/${name}`, import.meta.url), 'utf8'))
  const forbidden = read('forbidden.json') as string[]
  expect(forbidden).toContain('kitchen knife')
  for (const set of ['general', 'multilingual', 'domain']) {
    const captions = read(`${set}.json`) as { text: string }[]
    expect(captions.length).toBeGreaterThan(0)
    for (const { text } of captions) expect([text, forbiddenName(text, forbidden)]).toEqual([text, null])
  }
})

/** The same numbers as `noise` in tests/golden/training/make.py. */
const noise = (stream: number, size: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => {
    let x = (stream * 2 ** 20 + i) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (((x ^ (x >>> 16)) >>> 0) / 2 ** 32 - 0.5) * 3.4
  })

test('AdamW with constants of its own takes the steps that PyTorch takes', () => {
  const golden = JSON.parse(readFileSync(new URL('../../../golden/training/adamw.json', import.meta.url), 'utf8')) as {
    size: number
    steps: number
    learningRate: number
    optimiser: Parameters<typeof adamwStep>[4]
    flat: number[]
  }
  const start = noise(500, golden.size)
  const run = (optimiser: typeof golden.optimiser) => {
    let state: Parameters<typeof adamwStep>[0] = {
      flat: start,
      m: new Float32Array(golden.size),
      v: new Float32Array(golden.size),
    }
    for (let step = 0; step < golden.steps; step++) {
      const gradient = noise(501 + step, golden.size).map((value) => value * (step % 3 ? 0.1 : 1))
      state = adamwStep(state, gradient, step + 1, golden.learningRate, optimiser)
    }
    return Math.max(...golden.flat.map((value, i) => Math.abs(value - state.flat[i]!)))
  }
  // A few roundings of float32 beside 1.
  expect(run(golden.optimiser)).toBeLessThan(3e-6)
  for (const change of [{ beta1: 0.9 }, { beta2: 0.999 }, { epsilon: 1e-8 }, { weightDecay: 0 }, { clipNorm: 1 }])
    expect(run({ ...golden.optimiser, ...change }), JSON.stringify(change)).toBeGreaterThan(1e-5)
})

test('held-out pictures are the same for every run, each once, and leave some to learn from', () => {
  const pictures = heldOutPictures(96, 24)
  expect(pictures).toEqual(heldOutPictures(96, 24))
  expect(new Set(pictures).size).toBe(24)
  expect(pictures.every((picture) => picture >= 0 && picture < 96)).toBe(true)
  // Fewer are among more, so that runs with different numbers share pictures.
  expect(heldOutPictures(96, 8).every((picture) => pictures.includes(picture))).toBe(true)
  expect(() => heldOutPictures(96, 96)).toThrow(/would leave none to learn from/)
})

test('their noise is fixed, and their noise levels stand for those of training', () => {
  expect(heldOutNoise(3, 2, 16)).toEqual(heldOutNoise(3, 2, 16))
  expect(heldOutNoise(3, 2, 16)).not.toEqual(heldOutNoise(2, 3, 16))
  expect(HELD_OUT_SIGMAS).toHaveLength(8)
  HELD_OUT_SIGMAS.forEach((sigma, i) => expect(sigma + HELD_OUT_SIGMAS[7 - i]!).toBeCloseTo(1, 6))
})
