import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors, type TensorInput } from '../../../../src/core/adapters'
import { SoftPrompt, withPlaces } from '../../../../src/core/guidance'

const golden = JSON.parse(readFileSync('tests/golden/soft-prompt/soft-prompt.json', 'utf8')) as {
  tolerance: number
  width: number
  tokens: number
  cases: { start: number; gate: number; soft: number[] }[]
  prompts: { text: string; ids: number[]; plainIds: number[] }[]
}
const bytes = readFileSync('public/packs/pictogram/adapters/promptsafe.safetensors')
const manifest = JSON.parse(readFileSync('public/packs/pictogram/manifest.json', 'utf8')) as {
  model: { textEncoder: { weights: { sha256: string } } }
}
const model = { id: 'pictogram', textEncoder: manifest.model.textEncoder.weights.sha256 }
const prompt = SoftPrompt.read(readSafetensors(bytes), model)
const wave = (size: number, start: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(0.37 * i + start))

describe('the soft prompt of pictogram', () => {
  test('is small, and has a graph of the text encoder', () => {
    expect(bytes.length).toBeLessThan(100_000)
    expect([prompt.tokens, prompt.width]).toEqual([golden.tokens, golden.width])
    expect(prompt.graph.length).toBeGreaterThan(10_000)
  })

  test.each(golden.cases)('gate and token equal PyTorch at $start', ({ start, gate, soft }) => {
    expect(Math.abs(prompt.gate(wave(golden.width, start)) / gate - 1)).toBeLessThan(golden.tolerance)
    // An open gate, so that the token is there whatever the case's gate.
    const whole = prompt.at(1)!
    const most = Math.max(...whole)
    expect(soft.every((value, i) => Math.abs(value - gate * whole[i]!) <= golden.tolerance * most)).toBe(true)
  })

  test('the token is as strong as the gate says, and left out below a tenth', () => {
    const whole = prompt.at(1)!
    expect(prompt.at(0.5)).toEqual(whole.map((value) => value / 2))
    expect(prompt.at(0.1)).not.toBeNull()
    expect([prompt.at(0.0999), prompt.at(0)]).toEqual([null, null])
  })

  test('is refused by a model with another text encoder, by name', () => {
    const other = { id: 'my-model', textEncoder: '0'.repeat(64) }
    expect(() => SoftPrompt.read(readSafetensors(bytes), other)).toThrow(
      'The soft prompt does not fit this model: it was trained with another text encoder than that of "my-model".',
    )
  })

  test.each([
    ['no token', (tensors: Map<string, TensorInput>) => tensors.delete('soft'), /no token "soft"/],
    [
      'a broken token',
      (tensors: Map<string, TensorInput>) =>
        tensors.set('soft', { dtype: 'F32', shape: [1, golden.width], data: new Float32Array(golden.width).fill(NaN) }),
      /its token holds a value that is no number/,
    ],
    ['a missing layer', (tensors: Map<string, TensorInput>) => tensors.delete('dense2.bias'), /"dense2" is missing/],
    [
      'a token of another width',
      (tensors: Map<string, TensorInput>) =>
        tensors.set('soft', { dtype: 'F32', shape: [1, 64], data: new Float32Array(64) }),
      /layer "dense1" is 48 × 192, not 48 × 64/,
    ],
    ['no graph', (tensors: Map<string, TensorInput>) => tensors.delete('graph'), /no graph of the text encoder/],
  ])('refuses %s', (_, change, sentence) => {
    const { tensors, metadata } = readSafetensors(bytes)
    const whole = new Map<string, TensorInput>(
      [...tensors].map(([name, { dtype, shape, bytes: data }]) => [name, { dtype, shape, data }]),
    )
    change(whole)
    expect(() => SoftPrompt.read(readSafetensors(writeSafetensors(whole, metadata)), model)).toThrow(sentence)
  })
})

describe('places for the token', () => {
  test.each(golden.prompts)('are those of the recipe: $text', ({ ids, plainIds }) => {
    expect(withPlaces(plainIds, plainIds.indexOf(1) + 1, golden.tokens)).toEqual(ids)
  })

  test('a text that no longer fits loses its end, not its end token', () => {
    expect(withPlaces([0, 5, 6, 7, 1], 5, 2)).toEqual([0, 0, 0, 5, 1])
    expect(withPlaces([0, 5, 6, 1, 2], 4, 1)).toEqual([0, 0, 5, 6, 1])
    expect(withPlaces([0, 5, 1, 2, 2], 3, 1)).toEqual([0, 0, 5, 1, 2])
  })
})
