import { describe, expect, test } from 'vitest'
import { applyAdapters, parseAdapter, readSafetensors } from '../../../../src/core/adapters'
import {
  alignmentFile,
  coOccurringRows,
  mace,
  rece,
  speed,
  uce,
  type EditRows,
  type LowRank,
} from '../../../../src/core/alignment'
import { cases, expected, loraBytes, mace as prompts, options, weights } from '../../../golden/alignment/read'
import { relativeError } from '../adapters/helpers'
import { applyLowRank, uceGeneral } from './reference'

const apply = (edits: Map<string, LowRank>, name: string) => applyLowRank(weights.get(name)!, edits.get(name)!).data

describe.each(Object.keys(cases))('%s', (name) => {
  const rows = cases[name]!
  test.each([
    ['uce', uce(weights, rows, options), 'uce'],
    ['rece', rece(weights, rows, options), 'rece'],
    // Stage 1 of MACE is the same equation over other rows (see align.test.ts).
    ['mace', mace(weights, rows, options), 'uce'],
  ] as const)('%s agrees with NumPy', (_, edits, golden) => {
    const reference = expected(`${name}.${golden}.safetensors`)
    expect([...edits.keys()].sort()).toEqual([...reference.keys()].sort())
    for (const [weight, values] of reference) {
      expect(relativeError(apply(edits, weight), values)).toBeLessThan(1e-5)
      expect(relativeError(weights.get(weight)!.data, values)).toBeGreaterThan(0.05)
    }
  })

  test('the general and the low-rank form agree', () => {
    const general = uceGeneral(weights, rows, options)
    const low = uce(weights, rows, options)
    for (const weight of weights.keys())
      expect(relativeError(apply(low, weight), general.get(weight)!)).toBeLessThan(1e-12)
  })
})

test('mace agrees with NumPy, from whole prompts to weights', () => {
  const rows = coOccurringRows(prompts.prompts, prompts.mapped, prompts.ends, prompts.mappedEnds, prompts.preserve, 12)
  const edits = mace(weights, rows, options)
  const reference = expected('words.mace.safetensors')
  expect([...edits.keys()].sort()).toEqual([...reference.keys()].sort())
  for (const [weight, values] of reference) {
    expect(relativeError(apply(edits, weight), values)).toBeLessThan(1e-5)
    expect(relativeError(weights.get(weight)!.data, values)).toBeGreaterThan(0.05)
  }
})

describe('SPEED', () => {
  const rows = cases['narrow']!
  const invariant = rows.guide.subarray(0, 2 * rows.dimension)
  const edit = (changed: Partial<EditRows> = {}, more: Partial<typeof options> = {}) =>
    speed(weights, { ...rows, ...changed }, { ...options, ...more, concepts: 3, invariant })

  test('agrees with NumPy', () => {
    for (const [weight, values] of expected('narrow.speed.safetensors')) {
      expect(relativeError(apply(edit(), weight), values)).toBeLessThan(1e-5)
      expect(relativeError(weights.get(weight)!.data, values)).toBeGreaterThan(0.05)
    }
  })

  test('leaves what is kept where it was, however strongly it erases', () => {
    const d = rows.dimension
    const edits = edit({}, { eraseScale: 50 })
    for (const [name, { down, up, rank }] of edits) {
      const scale = Math.hypot(...Array.from(weights.get(name)!.data))
      for (let at = 0; at < rows.preserve.length; at += d) {
        const read = Array.from({ length: rank }, (_, k) =>
          [...rows.preserve.subarray(at, at + d)].reduce((sum, value, j) => sum + down[k * d + j]! * value, 0),
        )
        const moved = Array.from({ length: up.length / rank }, (_, i) =>
          read.reduce((sum, value, k) => sum + up[i * rank + k]! * value, 0),
        )
        expect(Math.hypot(...moved) / scale).toBeLessThan(1e-9)
      }
    }
  })

  test('refuses a keep weight of zero, and kept words that leave no direction free', () => {
    expect(() => edit({}, { preserveScale: 0 })).toThrow(/keep weight/)
    expect(() => edit({ preserve: cases['wide']!.preserve })).toThrow(/no direction/)
  })
})

test('the rank is the number of erased rows, and never more than the width of the text', () => {
  expect([...uce(weights, cases['narrow']!, options).values()].map(({ rank }) => rank)).toEqual(Array(8).fill(3))
  expect([...rece(weights, cases['narrow']!, options).values()].map(({ rank }) => rank)).toEqual(Array(8).fill(9))
  expect([...uce(weights, cases['wide']!, options).values()].map(({ rank }) => rank)).toEqual(Array(8).fill(12))
})

test('erased embeddings move to their guide, preserved ones stay, by strength', () => {
  const rows = cases['narrow']!
  const name = [...weights.keys()][0]!
  const { data, rows: o, columns: d } = weights.get(name)!
  const times = (w: ArrayLike<number>, c: ArrayLike<number>, at: number) =>
    Array.from({ length: o }, (_, i) =>
      Array.from({ length: d }, (__, j) => w[i * d + j]! * c[at * d + j]!).reduce((sum, value) => sum + value),
    )
  const distance = (edit: Partial<typeof options>) => {
    const edited = apply(uce(weights, rows, { ...options, lambda: 1e-3, ...edit }), name)
    return {
      erased: relativeError(times(edited, rows.erase, 0), times(data, rows.guide, 0)),
      kept: relativeError(times(edited, rows.preserve, 0), times(data, rows.preserve, 0)),
    }
  }
  expect(distance({}).erased).toBeLessThan(0.01)
  expect(distance({}).kept).toBeLessThan(0.01)
  expect(distance({ lambda: 100 }).erased).toBeGreaterThan(0.3)
  expect(distance({ lambda: 5, preserveScale: 10 }).kept).toBeLessThan(distance({ lambda: 5, preserveScale: 0.1 }).kept)
})

test('the saved file is the one that diffusers was shown to merge alike, and merging undoes exactly', () => {
  const bytes = alignmentFile(uce(weights, cases['narrow']!, options))
  expect(bytes).toEqual(loraBytes())
  const shapes = new Map([...weights].map(([name, { rows, columns }]) => [name, [rows, columns]]))
  const adapter = parseAdapter(readSafetensors(bytes), shapes, { strength: 1, name: 'uce' })
  const back = parseAdapter(readSafetensors(bytes), shapes, { strength: -1, name: 'uce' })
  expect(adapter).toMatchObject({ format: 'lora', rank: 3 })
  for (const [name, values] of expected('narrow.uce.safetensors')) {
    const start = Float32Array.from(weights.get(name)!.data)
    const weight = start.slice()
    applyAdapters([adapter], name, weight)
    expect(relativeError(weight, values)).toBeLessThan(1e-6)
    applyAdapters([back], name, weight)
    expect(relativeError(weight, start)).toBeLessThan(3e-7)
  }
})

test.each<[string, Partial<EditRows>, Partial<typeof options>, RegExp]>([
  ['no concept', { erase: new Float32Array(0), guide: new Float32Array(0) }, {}, /no concept/],
  ['a text encoder of another width', { dimension: 6 }, {}, /takes 12 values.*gives 6/],
  ['a guide for some rows only', { guide: new Float32Array(12) }, {}, /matching shapes/],
  ['NaN', { preserve: new Float32Array(12).fill(NaN) }, {}, /finite/],
  ['lambda 0', {}, { lambda: 0 }, /Lambda/],
  ['a negative preserve strength', {}, { preserveScale: -1 }, /preserve/],
  ['no round', {}, { rounds: 0 }, /round/],
])('refuses %s', (_, rows, changes, message) => {
  expect(() => rece(weights, { ...cases['narrow']!, ...rows }, { ...options, ...changes })).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) as string }),
  )
})
