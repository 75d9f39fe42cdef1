import { beforeEach, describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../../src/core/adapters'
import type { Component, EngineEvent, PackManifest } from '../../../src/core/contracts'
import { AdapterShelf, adaptableWeights, targetsOf } from '../../../src/runtime/adapterShelf'
import type { PackFiles } from '../../../src/runtime/files'
import { MemoryKeyValue } from '../../helpers/memoryStore'

const component = (...tensors: [string, number[]][]): Component => {
  const file = { path: 'x', bytes: 0, sha256: '' }
  return { graph: file, weights: file, inputs: [], outputs: [], externalData: { path: 'weights.bin', bytes: 0, tensors: tensors.map(([name, dims]) => ({ name, dims, offset: 0, length: 0 })) } }
}
const unet = component(['a.to_k.weight', [2, 2]])
const textEncoder = component(['layer.q_proj.weight', [2, 2]])
const manifest = { id: 'p', model: { unet, textEncoder }, adapters: [] } as unknown as PackManifest
const lora = (...modules: string[]) => writeSafetensors(new Map(modules.flatMap((module) => [
  [`${module}.lora_A.weight`, { dtype: 'F32' as const, shape: [1, 2], data: Float32Array.of(1, 2) }],
  [`${module}.lora_B.weight`, { dtype: 'F32' as const, shape: [2, 1], data: Float32Array.of(3, 4) }],
])))

let own: MemoryKeyValue
let checkpoints: MemoryKeyValue
let events: EngineEvent[]
const shelf = () => new AdapterShelf(manifest, {} as PackFiles, { own, checkpoints }, (event) => events.push(event))

beforeEach(() => {
  own = new MemoryKeyValue()
  checkpoints = new MemoryKeyValue()
  events = []
})

describe('the adapter shelf', () => {
  test('weights of the text encoder carry its prefix', () => {
    expect([...adaptableWeights(manifest).keys()]).toEqual(['a.to_k.weight', 'text_encoder.layer.q_proj.weight'])
  })

  test('an adapter of both networks is cut in two, each with its own names', async () => {
    const { sha256 } = await shelf().add('both', lora('unet.a.to_k', 'text_encoder.layer.q_proj'))
    const adapter = await shelf().alignment({ kind: 'file', name: 'both', sha256, strength: 2 })
    expect([...targetsOf(adapter, unet, '').targets.keys()]).toEqual(['a.to_k.weight'])
    const text = targetsOf(adapter, textEncoder, 'text_encoder.')
    expect([...text.targets.keys()]).toEqual(['layer.q_proj.weight'])
    const weight = new Float32Array(4)
    text.targets.get('layer.q_proj.weight')!(weight)
    expect([...weight]).toEqual([6, 12, 8, 16])
  })

  test('a file added before a crash is found by a new engine', async () => {
    const { sha256 } = await shelf().add('mine', lora('unet.a.to_k'))
    expect((await shelf().fineTune({ kind: 'file', sha256, strength: 1 }))?.targets.size).toBe(1)
    own.values.set(sha256, Uint8Array.of(1, 2, 3))
    await expect(shelf().fineTune({ kind: 'file', sha256, strength: 1 })).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  test('a full disk keeps the file for this visit and says so', async () => {
    own = new MemoryKeyValue(0)
    const one = shelf()
    const { sha256 } = await one.add('mine', lora('unet.a.to_k'))
    expect((await one.fineTune({ kind: 'file', sha256, strength: 1 }))?.targets.size).toBe(1)
    expect(events).toMatchObject([{ type: 'warning', code: 'STORAGE_FULL' }])
  })

  test('a checkpoint that is gone is an error by its key', async () => {
    await expect(shelf().fineTune({ kind: 'checkpoint', key: 'run/5' })).rejects.toMatchObject({ code: 'RECORD_INVALID', message: expect.stringMatching(/run\/5/) as unknown })
  })
})
