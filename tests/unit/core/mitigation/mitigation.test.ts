/** The rules of the mitigations over five steps against NumPy (tests/golden/mitigation), and their identity settings. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { AlignmentSpec, LiveFineTune } from '../../../../src/core/contracts'
import {
  addAgain,
  assertMitigable,
  average,
  averagedDeltas,
  denseDelta,
  interpolate,
  loraModules,
  pullBack,
  startAverage,
  type Layout,
} from '../../../../src/core/mitigation'
import { descend, lora, noise, startOf, whole } from './steps'

type Rule = 'plain' | 'ema' | 'proximal' | 'interpolate'
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/mitigation/golden.json', import.meta.url), 'utf8'),
) as Record<'rate' | 'eta' | 'rho' | 'alpha' | 'gamma', number> & {
  whole: Record<Rule | 'reAdd', number[]>
  lora: Record<'one' | 'two', Record<Rule, number[]>>
}
const { rate, eta, rho, alpha, gamma } = golden

function expectClose(values: ArrayLike<number>, reference: readonly number[]): void {
  expect(values.length).toBe(reference.length)
  reference.forEach((value, i) => expect(Math.abs(values[i]! - value)).toBeLessThan(2e-6))
}
/** ΔW of every weight of the LoRA. */
const deltas = (flat: Float32Array) =>
  new Map(loraModules(lora).map((module) => [module.weight, denseDelta(module, flat)]))
function expectDeltas(found: ReadonlyMap<string, Float32Array>, rule: Rule): void {
  for (const name of ['one', 'two'] as const) expectClose(found.get(`${name}.weight`)!, golden.lora[name][rule])
}
function averaged(layout: Layout): Float32Array {
  const mean = startAverage(layout, startOf(layout))
  descend(layout, rate, (flat) => average(layout, mean, flat, eta))
  return mean
}

describe('five steps agree with NumPy', () => {
  const plain = descend(whole, rate, () => undefined)
  const factors = descend(lora, rate, () => undefined)

  test('plain training, so that the rules are compared on the same ground', () => {
    expectClose(plain, golden.whole.plain)
    expectDeltas(deltas(factors), 'plain')
  })

  test('the running average, of a LoRA that of the merged weights', () => {
    expectClose(averaged(whole), golden.whole.ema)
    expectDeltas(averagedDeltas(lora, averaged(lora)), 'ema')
  })

  test('the proximal step, of a LoRA through B', () => {
    expectClose(
      descend(whole, rate, (flat) => pullBack(whole, flat, startOf(whole), rate, rho)),
      golden.whole.proximal,
    )
    expectDeltas(deltas(descend(lora, rate, (flat) => pullBack(lora, flat, startOf(lora), rate, rho))), 'proximal')
  })

  test('interpolation', () => {
    expectClose(interpolate(whole, plain, startOf(whole), alpha), golden.whole.interpolate)
    expectDeltas(deltas(interpolate(lora, factors, startOf(lora), alpha)), 'interpolate')
  })

  test('re-adding the alignment', () => {
    const delta = plain.map((value, i) => value - startOf(whole)[i]!)
    addAgain(delta, noise(2, 20), noise(3, 20), gamma)
    expectClose(delta, golden.whole.reAdd)
  })
})

describe.each([
  ['whole weights', whole],
  ['a LoRA', lora],
] as const)('identity settings on %s change no bit', (_, layout) => {
  const plain = descend(layout, rate, () => undefined)

  test('α 1, ρ 0, η 0, γ 0', () => {
    expect(interpolate(layout, plain, startOf(layout), 1)).toEqual(plain)
    expect(descend(layout, rate, (flat) => pullBack(layout, flat, startOf(layout), rate, 0))).toEqual(plain)
    const mean = startAverage(layout, startOf(layout))
    descend(layout, rate, (flat) => average(layout, mean, flat, 0))
    if (layout.lora)
      for (const [name, delta] of averagedDeltas(lora, mean)) expect(delta).toEqual(deltas(plain).get(name))
    else expect(mean).toEqual(plain)
    const delta = plain.slice()
    addAgain(delta, noise(2, layout.length), noise(3, layout.length), 0)
    expect(delta).toEqual(plain)
  })

  test('and others do', () => {
    expect(interpolate(layout, plain, startOf(layout), 0.5)).not.toEqual(plain)
    expect(descend(layout, rate, (flat) => pullBack(layout, flat, startOf(layout), rate, 1))).not.toEqual(plain)
  })
})

test('α 0 is the aligned model', () => {
  const factors = descend(lora, rate, () => undefined)
  for (const delta of deltas(interpolate(lora, factors, startOf(lora), 0)).values())
    expect(delta.every((value) => value === 0)).toBe(true)
  expect(
    interpolate(
      whole,
      descend(whole, rate, () => undefined),
      startOf(whole),
      0,
    ),
  ).toEqual(startOf(whole))
})

const live = { kind: 'live', learningRate: 0.1 } as LiveFineTune
const uce: AlignmentSpec = { kind: 'pack', id: 'uce', sha256: 'a'.repeat(64) }
test.each<[string, () => void, RegExp]>([
  ['a pull past the start', () => pullBack(whole, startOf(whole), startOf(whole), 0.1, 10), /pull past the aligned/],
  [
    'an alignment to add again where there is none',
    () => assertMitigable({ ...live, mitigation: { method: 're-add', gamma: 1 } }, null),
    /this run has none/,
  ],
  [
    'a guard that changes no weight as one',
    () =>
      assertMitigable(
        { ...live, mitigation: { method: 're-add', gamma: 1 } },
        { kind: 'inference', method: 'safree', concepts: ['x'] },
      ),
    /this run has none/,
  ],
  [
    'the base trained where the aligned model is needed',
    () => assertMitigable({ ...live, beneath: 'base', mitigation: { method: 're-add', gamma: 1 } }, uce),
    /the base model is trained/,
  ],
])('refuses %s', (_, act, message) => {
  expect(act).toThrow(message)
})

test('an average needs no alignment', () => {
  expect(() => assertMitigable({ ...live, mitigation: { method: 'ema', eta: 0.9 } }, null)).not.toThrow()
})
