import { describe, expect, test } from 'vitest'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import type { AdapterUpload } from '../../../../src/state/settings/adapterUpload'
import { Settings } from '../../../../src/state/settings/settings.svelte'

const settings = () => new Settings(new PackInfo(), services)
type Work = (open: unknown) => Promise<unknown>

/** An engine that names every file after its content. */
const services = {
  withEngine: (_who: string, _pack: string, _device: unknown, work: Work) =>
    work({
      ports: {
        engine: {
          addAdapterFile: async (_name: string, bytes: ArrayBuffer) => ({
            sha256: new TextDecoder().decode(bytes),
            format: 'LoRA',
            tensors: 3,
            rank: 8,
          }),
        },
      },
    }),
} as unknown as Services
const upload = (name: string, content: string): AdapterUpload => new File([content], name)

test('a wrong value is told beside its field, and the old one stays', () => {
  const one = settings()
  one.set('train-steps', '120')
  one.set('train-steps', 'many')
  expect(one.values['train-steps']).toBe(120)
  expect(one.problems['train-steps']).toContain('"many"')
  one.set('train-steps', '60')
  expect([one.values['train-steps'], one.problems['train-steps']]).toEqual([60, undefined])
})

test('the address fills in what it knows and names what it does not', () => {
  const one = settings()
  expect(() => one.readQuery('?preset=smoke&colour=red')).toThrow('"colour"')
  expect(one.values.preset).toBe('smoke')
  expect(one.query).toContain('preset=smoke')
})

test('numbers of a mitigation do not stay for another one', () => {
  const one = settings()
  one.setMitigation('ema')
  expect(one.values.mitigation).toBe('ema')
  one.setMitigation('none')
  // Pictures stay held out: plain training is what the mitigation is set against.
  expect(one.query).toBe('?held-out=24')
  one.set('held-out', '8')
  one.setMitigation('proximal')
  expect(one.values['held-out']).toBe(8)
})

describe('adapter files', () => {
  test('the same weights are taken once, and replace their strength', async () => {
    const one = settings()
    await one.takeAdapters('alignment', [upload('a.safetensors', 'x'), upload('b.safetensors', 'y')])
    one.setStrength('alignment', 'x', 0.5)
    expect(one.request().options.alignmentFiles).toEqual([
      { name: 'a.safetensors', sha256: 'x', strength: 0.5 },
      { name: 'b.safetensors', sha256: 'y', strength: 1 },
    ])
    await one.takeAdapters('alignment', [upload('again.safetensors', 'x')])
    expect(one.adapters.alignment.map(({ name, strength }) => [name, strength])).toEqual([
      ['b.safetensors', 1],
      ['again.safetensors', 1],
    ])
  })

  test('a fine-tune file gives way to fine-tuning here', async () => {
    const one = settings()
    await one.takeAdapters('fine-tune', [upload('a.safetensors', 'x')])
    expect(one.request().options.fineTuneFiles).toHaveLength(1)
    one.set('train', 'lite')
    expect(one.request().options.fineTuneFiles).toEqual([])
  })

  test('a whole model is refused before its bytes are read', async () => {
    const large: AdapterUpload = {
      name: 'model.safetensors',
      size: 2 ** 34,
      arrayBuffer: () => Promise.reject(new Error('It was read.')),
      text: () => Promise.reject(new Error('It was read.')),
    }
    await expect(settings().takeAdapters('alignment', [large])).rejects.toMatchObject({
      code: 'ADAPTER_TOO_LARGE',
    })
  })

  test('a configuration alone holds no weights', async () => {
    await expect(settings().takeAdapters('alignment', [upload('adapter_config.json', '{}')])).rejects.toMatchObject({
      code: 'ADAPTER_INVALID',
    })
  })
})
