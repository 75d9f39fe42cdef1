/** Anchors, gradient surgery, freezing and Safe LoRA against NumPy (tests/golden/mitigation), and their identity settings. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  addSquares,
  alignmentProjection,
  anchorRows,
  cosine,
  crossAttentionMask,
  earlyAnchors,
  masked,
  project,
  randomMask,
  replaceRows,
  restore,
  safetyMask,
  sampleOf,
  shapeRow,
  unitsOf,
  withoutConflict,
  type AnchorBank,
  type Layout,
} from '../../../../src/core/mitigation'
import { anchorPrompts } from '../../../../src/runtime/trainer/anchors'
import { descend, gradient, lora, noise, startOf, STEPS, whole } from './steps'

interface Golden {
  rate: number
  surgery: number[]
  freeze: { rows: number[] }
  safeLora: Record<'published' | 'projector', { cosine: number; projected: number[] }>
  pair: { latents: number[]; noise: number[] }
  shaping: { latents: number[]; noise: number[] }
}
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/mitigation/golden.json', import.meta.url), 'utf8'),
) as Golden

function expectClose(values: ArrayLike<number>, reference: readonly number[]): void {
  expect(values.length).toBe(reference.length)
  reference.forEach((value, i) => expect(Math.abs(values[i]! - value)).toBeLessThan(2e-6))
}

const bank: AnchorBank = {
  size: 20,
  samples: Float32Array.of(...noise(6, 20), ...noise(8, 20), ...noise(9, 20)),
  aligned: Float32Array.of(...noise(7, 20), ...noise(8, 20), ...noise(9, 20)),
  base: new Float32Array(60),
  sigma: Float32Array.of(0.75, 0.5, 0.25),
  step: [0, 1, 2],
  contexts: [Float32Array.of(1, 1), Float32Array.of(2, 2), Float32Array.of(3, 3)],
}
const benign = () => ({
  count: 4,
  latents: noise(60, 80),
  noise: noise(61, 80),
  sigma: noise(62, 4),
  context: noise(63, 8),
})

test('shaping moves the target of one row and leaves its sample and the other rows, as NumPy has it', () => {
  const rows = {
    count: 2,
    latents: noise(60, 40),
    noise: noise(61, 40),
    sigma: Float32Array.of(0.75, 0.5),
    context: noise(63, 8),
  }
  const before = structuredClone(rows)
  const sample = sampleOf(rows, 0, 20)
  shapeRow(rows, 0, 20, 0.3, noise(7, 20))
  expectClose(rows.latents.subarray(0, 20), golden.shaping.latents)
  expectClose(rows.noise.subarray(0, 20), golden.shaping.noise)
  sampleOf(rows, 0, 20).forEach((value, i) => expect(value).toBeCloseTo(sample[i]!, 5))
  expect(rows.latents.subarray(20)).toEqual(before.latents.subarray(20))
  expect(rows.noise.subarray(20)).toEqual(before.noise.subarray(20))
})

describe('anchors', () => {
  test('a row gives the wanted sample and target, as NumPy has it', () => {
    const rows = benign()
    replaceRows(rows, bank, [0], 1, 3, 0)
    expectClose(rows.latents.subarray(60), golden.pair.latents)
    expectClose(rows.noise.subarray(60), golden.pair.noise)
    expect([rows.sigma[3], ...rows.context.subarray(6)]).toEqual([0.75, 1, 1])
    const plain = benign()
    for (const name of ['latents', 'noise'] as const)
      expect(rows[name].subarray(0, 60)).toEqual(plain[name].subarray(0, 60))
  })

  test('k 0 changes no bit', () => {
    const rows = benign()
    replaceRows(rows, bank, [0, 1, 2], 0, 3, 0)
    expect(rows).toEqual(benign())
  })

  test('are drawn by seed and step alone, early ones from the noisiest steps', () => {
    const sigmas = (seed: number, step: number) => anchorRows(bank, 'aligned', 8, seed, step).sigma
    expect(sigmas(1, 2)).toEqual(sigmas(1, 2))
    expect(sigmas(1, 2)).not.toEqual(sigmas(1, 3))
    expect(sigmas(1, 2)).not.toEqual(sigmas(2, 2))
    expect(earlyAnchors(bank, 2)).toEqual([0, 1])
  })

  test('hold prompts of the pack, and are refused where it names none', () => {
    const names = ['axe', 'bomb', 'skull']
    const prompts = anchorPrompts(names, 8, 5)
    expect(prompts).toHaveLength(30)
    expect(new Set(prompts)).toEqual(new Set(names))
    expect(anchorPrompts(names, 8, 5)).toEqual(prompts)
    expect(() => anchorPrompts([], 8, 5)).toThrow(/names no forbidden concepts/)
  })
})

describe('gradient surgery', () => {
  test('over five steps agrees with NumPy', () => {
    const flat = startOf(whole)
    for (let t = 0; t < STEPS; t++) {
      const g = withoutConflict(gradient(whole, t), noise(110 + t, 20))
      for (let i = 0; i < flat.length; i++) flat[i]! -= golden.rate * g[i]!
    }
    expectClose(flat, golden.surgery)
  })

  test('leaves a gradient without conflict as it is, and never steps against the anchors', () => {
    const g = noise(1, 20)
    expect(withoutConflict(g, g)).toBe(g)
    expect(withoutConflict(g, new Float32Array(20))).toBe(g)
    const against = withoutConflict(
      g,
      g.map((value, i) => (i % 2 ? -2 : -1) * value),
    )
    expect(Math.abs(against.reduce((sum, value, i) => sum + value * (i % 2 ? -2 : -1) * g[i]!, 0))).toBeLessThan(1e-4)
  })
})

describe('freezing', () => {
  const two: Layout = {
    length: 38,
    lora: null,
    parameters: [
      { name: 'one.weight', dims: [5, 4], offset: 0 },
      { name: 'two.attn2.weight', dims: [3, 6], offset: 20 },
    ],
  }
  const squares = (first: number) => {
    const sum = new Float64Array(two.length)
    for (let t = 0; t < STEPS; t++)
      addSquares(sum, Float32Array.of(...noise(first + t, 20), ...noise(first + 10 + t, 18)))
    return sum
  }
  const rowsOf = (mask: Uint8Array) => unitsOf(two).flatMap(({ offset }, i) => (mask[offset] ? [i] : []))

  test('chooses the rows that NumPy chooses, whole ones', () => {
    const mask = safetyMask(two, squares(200), squares(300), 40)
    expect(rowsOf(mask)).toEqual(golden.freeze.rows)
    // round(8 * 31.25 / 100) and round(8 * 43.75 / 100) in Python: halves go to the even number.
    expect(rowsOf(safetyMask(two, squares(200), squares(300), 31.25))).toHaveLength(2)
    expect(rowsOf(randomMask(two, 43.75, 1))).toHaveLength(4)
    for (const { offset, length } of unitsOf(two)) expect(new Set(mask.subarray(offset, offset + length)).size).toBe(1)
  })

  test('the controls: as many rows at random, and all that reads the prompt', () => {
    expect(rowsOf(randomMask(two, 40, 1))).toHaveLength(3)
    expect(randomMask(two, 40, 1)).toEqual(randomMask(two, 40, 1))
    expect(rowsOf(crossAttentionMask(two))).toEqual([5, 6, 7])
    expect(unitsOf(lora).map(({ name }) => name)).toEqual([
      ...Array<string>(5).fill('one.lora_B.weight'),
      ...Array<string>(3).fill('two.lora_B.weight'),
    ])
  })

  test('an empty mask changes no bit; a full one lets nothing move', () => {
    const none = safetyMask(two, squares(200), squares(300), 0)
    expect(none.includes(1)).toBe(false)
    const g = noise(1, 38)
    expect(masked(g, none)).toEqual(g)
    const moved = noise(2, 38)
    restore(moved, noise(3, 38), none)
    expect(moved).toEqual(noise(2, 38))
    const all = safetyMask(two, squares(200), squares(300), 100)
    expect(masked(g, all)).toEqual(new Float32Array(38))
    restore(moved, noise(3, 38), all)
    expect(moved).toEqual(noise(3, 38))
  })
})

describe.each(['published', 'projector'] as const)('Safe LoRA, %s', (kind) => {
  const delta = descend(whole, golden.rate, () => undefined).map((value, i) => value - startOf(whole)[i]!)
  const [a, b] = [noise(4, 10), noise(5, 8)]
  const difference = Float32Array.from({ length: 20 }, (_, at) => {
    const [i, j] = [Math.floor(at / 4), at % 4]
    return a[2 * i]! * b[j]! + a[2 * i + 1]! * b[4 + j]!
  })

  test('agrees with NumPy', () => {
    const projected = project(alignmentProjection(difference, 5, kind)!, delta, 5)
    expectClose(projected, golden.safeLora[kind].projected)
    expect(cosine(projected, delta)).toBeCloseTo(golden.safeLora[kind].cosine, 5)
  })

  test('needs a change to project on', () => {
    expect(alignmentProjection(new Float32Array(20), 5, kind)).toBeNull()
  })
})
