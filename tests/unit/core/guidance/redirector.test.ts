import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors, type TensorInput } from '../../../../src/core/adapters'
import { Redirected, Redirector } from '../../../../src/core/guidance'

const golden = JSON.parse(readFileSync('tests/golden/redirector/redirector.json', 'utf8')) as {
  tolerance: number
  tokens: number
  width: number
  latent: number
  cases: { start: number; timestep: number; unsafe: boolean; embeds: number[] }[]
}
const bytes = readFileSync('public/packs/pictogram/adapters/saferedir.safetensors')
const redirector = Redirector.read(readSafetensors(bytes))
const wave = (size: number, start: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(0.37 * i + start))

describe('the redirector of pictogram', () => {
  test('is small, and is made for its latents and embeddings', () => {
    expect(bytes.length).toBeLessThan(500_000)
    expect([redirector.latent, redirector.scale]).toEqual([golden.latent, 1.5])
    expect(() => redirector.assertFits(golden.latent, golden.width)).not.toThrow()
    expect(() => redirector.assertFits(golden.latent, 768)).toThrow('not 1024 and 768')
  })

  test.each(golden.cases)('equals PyTorch at timestep $timestep', ({ start, timestep, unsafe, embeds }) => {
    const prompt = wave(golden.tokens * golden.width, start + 0.5)
    const found = redirector.redirect(wave(golden.latent, start), prompt, timestep)
    expect(found.unsafe).toBe(unsafe)
    const most = Math.max(...embeds.map(Math.abs))
    const gap = Math.max(...embeds.map((value, i) => Math.abs((found.embeds[i] ?? NaN) - value)))
    expect(gap / most).toBeLessThan(golden.tolerance)
  })

  test.each([
    ['a missing layer', (tensors: Map<string, TensorInput>) => tensors.delete('mask.bias'), /layer "mask" is missing/],
    [
      'a layer of another shape',
      (tensors: Map<string, TensorInput>) =>
        tensors.set('alpha.weight', { dtype: 'F32', shape: [1, 2], data: new Float32Array(2) }),
      /layer "alpha" is 1 × 2, not 1 × 160/,
    ],
    [
      'a value that is no number',
      (tensors: Map<string, TensorInput>) =>
        tensors.set('alpha.bias', { dtype: 'F32', shape: [1], data: Float32Array.of(NaN) }),
      /"alpha" holds a value that is no number/,
    ],
  ])('refuses %s', (_, change, sentence) => {
    const { tensors, metadata } = readSafetensors(bytes)
    const whole = new Map<string, TensorInput>(
      [...tensors].map(([name, { shape, floats }]) => [name, { dtype: 'F32', shape, data: floats() }]),
    )
    change(whole)
    expect(() => Redirector.read(readSafetensors(writeSafetensors(whole, metadata)))).toThrow(sentence)
  })

  test('refuses a file that does not say how far to go', () => {
    const { tensors } = readSafetensors(bytes)
    expect(() => Redirector.read({ tensors, metadata: {} })).toThrow('how far it moves')
  })
})

describe('embeddings on their way', () => {
  /** Moves to the timestep, and finds forbidden what begins with a number above zero. */
  const fake = {
    latent: 2,
    assertFits: () => undefined,
    redirect: (latents: Float32Array, _: Float32Array, timestep: number) => ({
      unsafe: (latents[0] ?? 0) > 0,
      embeds: Float32Array.of(timestep),
    }),
  }
  const begin = () => {
    const arrays = [0, 0, 1, 2].map((value) => Float32Array.of(value))
    return new Redirected(fake, { arrays, shape: [1, 1] }, 1, 4)
  }
  const firsts = (arrays: readonly Float32Array[]) => arrays.map(([value]) => value)

  test('only a prompt on a forbidden way is moved, held for two steps and then asked about again', () => {
    const way = begin()
    const latents = Float32Array.of(-1, 9, 1, 9)
    expect([9, 8, 7, 6].map((timestep) => firsts(way.next(latents, timestep)))).toEqual([
      [0, 0, 1, 9],
      [0, 0, 1, 9],
      [0, 0, 1, 9],
      [0, 0, 1, 6],
    ])
  })

  test('what was moved stays where the way is found harmless later', () => {
    const way = begin()
    way.next(Float32Array.of(1, 0, -1, 0), 9)
    const harmless = Float32Array.of(-1, 0, -1, 0)
    for (const timestep of [8, 7, 6]) expect(firsts(way.next(harmless, timestep))).toEqual([0, 0, 9, 2])
  })
})
