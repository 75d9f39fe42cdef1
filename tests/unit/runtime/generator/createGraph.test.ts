/** The weights that sessions are created with, and which of them stay for the next variant. */
import { expect, test, vi } from 'vitest'
import { parseAdapter, readSafetensors, writeSafetensors, type Adapter } from '../../../../src/core/adapters'
import type { Component, PackFile } from '../../../../src/core/contracts'
import { KEPT_BYTES } from '../../../../src/core/memory'
import { createGraph } from '../../../../src/runtime/generator/createGraph'
import { Models, type ModelsOptions } from '../../../../src/runtime/generator/models'
import { layOut, weightShapes } from '../../../../src/runtime/generator/weights'
import type { OrtRuntime } from '../../../../src/runtime/ort'
import type { FileLoader } from '../../../../src/runtime/storage/files'

const vector = (...values: number[]) => ({ dtype: 'F32' as const, shape: [3], data: Float32Array.from(values) })
const stored = writeSafetensors(
  new Map([
    ['a', vector(1, 2, 3)],
    ['b', vector(-4, 5, -6)],
  ]),
)
const file = (path: string, bytes: number): PackFile => ({ path, bytes, sha256: path.padEnd(64, '0') })
/** `a` and `b` at these places. */
const laidOutAt = (a: number, b: number, bytes = stored.length): Component => ({
  graph: file('graph', 0),
  weights: file('weights', bytes),
  inputs: [],
  outputs: [],
  externalData: {
    path: 'weights.bin',
    bytes: 128,
    tensors: [
      { name: 'a', dims: [3], offset: a, length: 12 },
      { name: 'b', dims: [3], offset: b, length: 12 },
    ],
  },
})
const unet = laidOutAt(0, 64)

const adds = (name: string, by: number): Adapter =>
  parseAdapter(
    readSafetensors(writeSafetensors(new Map([[name, vector(by, by, by)]]), { format: 'delta' })),
    weightShapes(unet),
    { strength: 1, name },
  )
const VARIANTS = [[adds('a', 0.5)], [adds('b', 8), adds('a', 2)], []]

/** An open pack, and a runtime that takes the weights as they are at that moment. */
function opened() {
  const load = vi.fn(({ path }: PackFile) => Promise.resolve(path === 'weights' ? stored.slice() : new Uint8Array()))
  const files: FileLoader = { load }
  const given: Uint8Array<ArrayBuffer>[] = []
  const create = (_: unknown, { externalData: [own] }: { externalData: [{ data: Uint8Array<ArrayBuffer> }] }) => {
    given.push(own.data.slice())
    return Promise.resolve({ inputMetadata: [], outputMetadata: [] })
  }
  const exclusive = <T>(work: () => Promise<T>) => work()
  const runtime = { ort: { InferenceSession: { create } }, exclusive } as unknown as OrtRuntime
  const weights = async (component: Component, adapters: readonly Adapter[], keep: boolean) => {
    await createGraph(runtime, files, 'U-Net', component, adapters, () => undefined, undefined, { keep })
    return given.pop()
  }
  return { files, weights, reads: () => load.mock.calls.filter(([{ path }]) => path === 'weights').length }
}

test('createGraph gives each variant its own merged weights, from one read of the file', async () => {
  const { weights, reads } = opened()
  for (const adapters of [...VARIANTS, ...VARIANTS])
    expect(await weights(unet, adapters, true)).toEqual(layOut('U-Net', unet, stored, adapters))
  expect(reads()).toBe(1)
})

test('createGraph leaves kept weights as they are for one who keeps none', async () => {
  const { weights, reads } = opened()
  await weights(unet, [], true)
  for (const adapters of VARIANTS)
    expect(await weights(unet, adapters, false)).toEqual(layOut('U-Net', unet, stored, adapters))
  expect(reads()).toBe(1)
})

test('createGraph lays the same file out anew, and checks it, for a component with other places', async () => {
  const { weights } = opened()
  await weights(unet, [], true)
  const other = laidOutAt(32, 0)
  expect(await weights(other, VARIANTS[0]!, true)).toEqual(layOut('U-Net', other, stored, VARIANTS[0]))
  await expect(weights(laidOutAt(0, 8), [], true)).rejects.toThrow(/wrongly in the external data/)
})

test('createGraph keeps neither large weights nor those that nobody asked it to keep', async () => {
  for (const [component, keep] of [
    [unet, false],
    [laidOutAt(0, 64, KEPT_BYTES + 1), true],
  ] as const) {
    const { weights, reads } = opened()
    for (const adapters of VARIANTS)
      expect(await weights(component, adapters, keep)).toEqual(layOut('U-Net', component, stored, adapters))
    expect(reads()).toBe(3)
  }
})

test('kept weights are let go with the models of the pack, as the engine closes it', async () => {
  const { files, weights, reads } = opened()
  await weights(unet, [], true)
  await new Models({ files } as unknown as ModelsOptions).release()
  expect(await weights(unet, [], true)).toEqual(layOut('U-Net', unet, stored))
  expect(reads()).toBe(2)
})
