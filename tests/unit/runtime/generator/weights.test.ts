import { describe, expect, test } from 'vitest'
import { parseAdapter, readSafetensors, writeSafetensors, type TensorInput } from '../../../../src/core/adapters'
import type { Component } from '../../../../src/core/contracts'
import { layOut, weightShapes } from '../../../../src/runtime/generator/weights'

const file = { path: 'x', bytes: 0, sha256: '0'.repeat(64) }
const component: Component = {
  graph: file,
  weights: file,
  inputs: [],
  outputs: [],
  externalData: {
    path: 'weights.bin',
    bytes: 192,
    tensors: [
      { name: 'a.bias', dims: [3], offset: 0, length: 12 },
      { name: 'a.weight', dims: [3, 2], offset: 64, length: 24 },
      { name: 'b', dims: [], offset: 128, length: 4 },
    ],
  },
}
const bias = [1, 2, 3]
const weight = [0.5, -1, 1.5, 2, -2.5, 3]
const tensors = (change: Record<string, TensorInput> = {}): Map<string, TensorInput> =>
  new Map(
    Object.entries({
      'a.bias': { dtype: 'F32', shape: [3], data: Float32Array.from(bias) },
      'a.weight': { dtype: 'F16', shape: [3, 2], data: Float32Array.from(weight) },
      b: { dtype: 'F32', shape: [], data: Float32Array.from([7]) },
      ...change,
    } satisfies Record<string, TensorInput>),
  )
const at = (data: Uint8Array<ArrayBuffer>, offset: number, length: number) => [
  ...new Float32Array(data.buffer, offset, length),
]

describe('laying out weights', () => {
  test('float16 and float32 land as float32 at their offsets; the gaps stay zero', () => {
    const data = layOut('U-Net', component, writeSafetensors(tensors()))
    expect(data).toHaveLength(192)
    expect(at(data, 0, 3)).toEqual(bias)
    expect(at(data, 64, 6)).toEqual(weight)
    expect(at(data, 128, 1)).toEqual([7])
    expect(at(data, 12, 13)).toEqual(Array.from({ length: 13 }, () => 0))
  })

  test('adapters are added in order', () => {
    const delta = (value: number) =>
      parseAdapter(
        readSafetensors(
          writeSafetensors(new Map([['a.bias', { dtype: 'F32', shape: [3], data: new Float32Array(3).fill(value) }]]), {
            format: 'delta',
          }),
        ),
        weightShapes(component),
        { strength: 2, name: 'delta' },
      )
    expect(at(layOut('U-Net', component, writeSafetensors(tensors()), [delta(1), delta(0.25)]), 0, 3)).toEqual(
      bias.map((value) => value + 2.5),
    )
  })

  test.each([
    [
      'a wrong shape',
      { 'a.weight': { dtype: 'F16', shape: [2, 3], data: Float32Array.from(weight) } },
      /"a.weight" has the shape \[2, 3\], the manifest says \[3, 2\]/,
    ],
    [
      'a wrong rank',
      { 'a.weight': { dtype: 'F16', shape: [6], data: Float32Array.from(weight) } },
      /has the shape \[6\]/,
    ],
    [
      'an unknown tensor',
      { c: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } },
      /"c", which the manifest does not list/,
    ],
    ['integers', { b: { dtype: 'I32', shape: [], data: new Uint8Array(4) } }, /"b" is I32/],
    [
      'NaN',
      { 'a.bias': { dtype: 'F32', shape: [3], data: Float32Array.of(1, NaN, 3) } },
      /"a.bias" holds a value that is not a finite number/,
    ],
  ] as const)('%s is refused by name', (_, change, sentence) => {
    const bytes = writeSafetensors(tensors(change))
    expect(() => layOut('U-Net', component, bytes)).toThrow(
      expect.objectContaining({ code: 'WEIGHTS_INVALID', message: expect.stringMatching(sentence) as unknown }),
    )
  })

  test('a missing tensor is refused by name', () => {
    const some = tensors()
    some.delete('a.bias')
    expect(() => layOut('U-Net', component, writeSafetensors(some))).toThrow(/lacks the tensor "a.bias"/)
  })

  test('a truncated file is refused', () => {
    expect(() => layOut('U-Net', component, writeSafetensors(tensors()).slice(0, -5))).toThrow(
      expect.objectContaining({ code: 'SAFETENSORS_INVALID' }),
    )
  })

  test.each([
    ['overlap', 8],
    ['end outside the data', 180],
    ['lie unaligned', 66],
  ])('places that %s are refused', (_, offset) => {
    const [first, second, third] = component.externalData.tensors
    const moved = {
      ...component,
      externalData: {
        ...component.externalData,
        tensors: [first!, { ...second!, offset }, { ...third!, offset: 128 }],
      },
    }
    expect(() => layOut('U-Net', moved, writeSafetensors(tensors()))).toThrow(/wrongly in the external data/)
  })
})
