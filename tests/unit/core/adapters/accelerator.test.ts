/** The shipped accelerator: described truly, of the shipped U-Net, read by the page's own adapter reader. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseAdapter, readAccelerator, readSafetensors } from '../../../../src/core/adapters'
import { manifest, packBytes, packJson } from '../../../helpers/pictogram'

const read = (path: string): Uint8Array => new Uint8Array(packBytes(path))
const { model, adapters } = manifest
const row = (): Record<string, unknown> => packJson('accelerator.json') as Record<string, unknown>

test('the file is the one that its row names, and at most 3 MB', () => {
  const { file, steps, guidanceScale } = readAccelerator(row(), model)
  const bytes = read(file.path)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256)
  expect(bytes.length).toBe(file.bytes)
  expect(file.bytes).toBeLessThanOrEqual(3e6)
  expect({ steps, guidanceScale }).toEqual({ steps: 2, guidanceScale: 1 })
})

test('its decoder has the files that its row names, half a megabyte, and takes the latents of the model', () => {
  const { decoder } = readAccelerator(row(), model)
  for (const file of [decoder!.graph, decoder!.weights]) {
    const bytes = read(file.path)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256)
    expect(bytes.length).toBe(file.bytes)
    expect(file.bytes).toBeLessThanOrEqual(6e5)
  }
  const own = model.vaeDecoder
  if (!('inputs' in own)) throw new Error('The pack has no decoder of its own.')
  expect([decoder!.inputs, decoder!.outputs]).toEqual([own.inputs, own.outputs])
})

test('it changes every matrix and kernel of the U-Net and nothing else', () => {
  const { file, id } = readAccelerator(row(), model)
  const component = model.unet
  if (!('externalData' in component)) throw new Error('The pack has no U-Net of its own.')
  const weights = new Map(component.externalData.tensors.map(({ name, dims }) => [name, dims] as const))
  const { targets, rank } = parseAdapter(readSafetensors(read(file.path)), weights, { name: id, strength: 1 })
  expect([...targets.keys()].sort()).toEqual(
    [...weights]
      .filter(([, { length }]) => length >= 2)
      .map(([name]) => name)
      .sort(),
  )
  expect(rank).toBe(16)
  const kernel = 'conv_in.weight'
  const weight = new Float32Array(weights.get(kernel)!.reduce((a, b) => a * b))
  targets.get(kernel)!(weight)
  expect(Math.hypot(...weight)).toBeGreaterThan(0)
})

test('every variant that ships is measured by both samplers', () => {
  const { measured } = readAccelerator(row(), model)
  expect(Object.keys(measured?.variants ?? {}).sort()).toEqual(
    expect.arrayContaining(['base', ...adapters.map(({ id }) => id)].sort()),
  )
  for (const [id, { full, fast, difference }] of Object.entries(measured!.variants))
    expect(fast.h - full.h, id).toBeCloseTo(difference.h, 2)
})

test('one of another model is refused, and so is a field that nobody reads', () => {
  expect(() => readAccelerator({ ...row(), baseSha256: '0'.repeat(64) }, model)).toThrow(/trained for another model/)
  expect(() => readAccelerator({ ...row(), strength: 2 }, model)).toThrow(/strength/)
  expect(() => readAccelerator({ ...row(), steps: 0 }, model)).toThrow(/"steps"/)
})
