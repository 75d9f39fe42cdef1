import { beforeEach, describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../../../src/core/adapters'
import type { Component, EngineEvent, PackManifest } from '../../../../src/core/contracts'
import { AdapterShelf, adaptableWeights, targetsOf } from '../../../../src/runtime/storage/adapterShelf'
import type { PackFiles } from '../../../../src/runtime/storage/files'
import { CheckpointStore } from '../../../../src/runtime/trainer/checkpoint'
import { MemoryKeyValue } from '../../../helpers/memoryStore'

const component = (...tensors: [string, number[]][]): Component => {
  const file = { path: 'x', bytes: 0, sha256: '' }
  return {
    graph: file,
    weights: file,
    inputs: [],
    outputs: [],
    externalData: {
      path: 'weights.bin',
      bytes: 0,
      tensors: tensors.map(([name, dims]) => ({ name, dims, offset: 0, length: 0 })),
    },
  }
}
const unet = component(['a.to_k.weight', [2, 2]])
const textEncoder = component(['layer.q_proj.weight', [2, 2]])
const manifest = { id: 'p', model: { unet, textEncoder }, adapters: [] } as unknown as PackManifest
const lora = (...modules: string[]) =>
  writeSafetensors(
    new Map(
      modules.flatMap((module) => [
        [`${module}.lora_A.weight`, { dtype: 'F32' as const, shape: [1, 2], data: Float32Array.of(1, 2) }],
        [`${module}.lora_B.weight`, { dtype: 'F32' as const, shape: [2, 1], data: Float32Array.of(3, 4) }],
      ]),
    ),
  )

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

  test('several files are merged in order, each with its strength', async () => {
    const one = shelf()
    const [first, second] = [
      await one.add('first', lora('unet.a.to_k')),
      await one.add('second', lora('a.to_k', 'text_encoder.layer.q_proj')),
    ]
    const parts = {
      name: 'first + second',
      sha256: first.sha256,
      strength: 0.5,
      more: [{ name: 'second', sha256: second.sha256, strength: -2 }],
    }
    const both = await one.alignment({ kind: 'file', ...parts })
    const weight = new Float32Array(4)
    both.targets.get('a.to_k.weight')!(weight)
    expect([...weight]).toEqual([3, 6, 4, 8].map((value) => (0.5 - 2) * value))
    expect([...both.targets.keys()].sort()).toEqual(['a.to_k.weight', 'text_encoder.layer.q_proj.weight'])
    expect([...(await one.fineTune({ kind: 'file', ...parts }))!.targets.keys()].sort()).toEqual(
      [...both.targets.keys()].sort(),
    )
  })

  test('the scale of a bare PEFT file comes with its adapter_config.json and stays with the stored file', async () => {
    const merged = async (config?: string) => {
      const { sha256 } = await shelf().add('adapter_model.safetensors', lora('base_model.model.a.to_k'), config)
      const weight = new Float32Array(4)
      const adapter = await shelf().alignment({ kind: 'file', name: 'peft', sha256, strength: 1 })
      adapter.targets.get('a.to_k.weight')!(weight)
      return [...weight]
    }
    await expect(merged()).rejects.toMatchObject({ code: 'ADAPTER_INVALID' })
    expect(await merged('{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "alpha_pattern": {}}')).toEqual([6, 12, 8, 16])
    await expect(shelf().add('adapter_model.safetensors', lora('a.to_k'), '[1')).rejects.toMatchObject({
      code: 'ADAPTER_INVALID',
      message: expect.stringMatching(/adapter_config.json is not a JSON object/) as unknown,
    })
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

  test.each<[string, (bytes: Uint8Array<ArrayBuffer>) => unknown]>([
    ['is gone', () => undefined],
    ['has one flipped bit', (bytes) => bytes.with(bytes.length - 2, bytes.at(-2)! ^ 1)],
    ['is cut short', (bytes) => bytes.slice(0, -3)],
    ['is empty', () => new Uint8Array()],
    ['is no bytes at all', () => 'lost'],
  ])(
    'a checkpoint that %s is refused by its key, and taken from memory once it was trained again',
    async (_, damage) => {
      const bytes = lora('unet.a.to_k')
      await new CheckpointStore(checkpoints).saveAdapter('run-5', bytes)
      const one = shelf()
      const targets = async () => (await one.fineTune({ kind: 'checkpoint', key: 'run-5' }))?.targets.size
      expect(await targets()).toBe(1)
      checkpoints.values.set('run-5', damage(bytes))
      await expect(targets()).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringMatching(/run-5/) as unknown,
      })
      one.holdCheckpoint('run-5', bytes)
      expect(await targets()).toBe(1)
    },
  )

  test('a checkpoint of an older version has no hash: it is read when its numbers are finite', async () => {
    const one = shelf()
    const bytes = lora('unet.a.to_k')
    checkpoints.values.set('old-1', bytes)
    expect((await one.fineTune({ kind: 'checkpoint', key: 'old-1' }))?.targets.size).toBe(1)
    const broken = bytes.slice()
    new DataView(broken.buffer).setFloat32(broken.length - 4, Number.NaN, true)
    checkpoints.values.set('old-1', broken)
    await expect(one.fineTune({ kind: 'checkpoint', key: 'old-1' })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    })
  })
})
