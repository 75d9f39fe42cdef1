import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { applyAdapters, parseAdapter } from '../../../../src/core/adapters'
import { indexModules } from '../../../../src/core/adapters/keys'
import { adapterFile, golden, relativeError, shapesOf } from './helpers'

const base = golden('base.safetensors')
const weights = shapesOf(base)

test.each([
  ['peft', 'lora', 'peft', 4],
  ['kohya', 'lora', 'kohya', 4],
  ['old-diffusers', 'lora', 'old-diffusers', 4],
  ['rslora', 'lora', 'rslora', 3],
  ['patterns', 'lora', 'patterns', 5],
  ['dora', 'dora', 'dora', 2],
  ['dora-kohya', 'dora', 'dora', 2],
  ['conv', 'lora', 'conv', 2],
  ['text-encoder', 'lora', 'text-encoder', 2],
  ['tucker', 'lora', 'tucker', 3],
])('%s merges as PEFT and diffusers do', (name, format, merged, rank) => {
  const adapter = parseAdapter(golden(`${name}.safetensors`), weights, { strength: 1, name })
  const expected = golden(`${merged}.merged.safetensors`)
  expect(adapter).toMatchObject({ format, rank })
  expect([...adapter.targets.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
  for (const [target, tensor] of expected.tensors) {
    const weight = base.tensors.get(target)!.floats()
    expect(relativeError(weight, tensor.floats())).toBeGreaterThan(1e-4)
    expect(applyAdapters([adapter], target, weight)).toBe(1)
    expect(relativeError(weight, tensor.floats())).toBeLessThan(1e-6)
  }
})

test('several adapters add up by their strengths, and minus one takes an adapter away', () => {
  const name = 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight'
  const parse = (file: string, strength: number) => parseAdapter(golden(file), weights, { strength, name: file })
  const start = base.tensors.get(name)!.floats()
  const merged = (file: string) => golden(file).tensors.get(name)!.floats()
  const [peft, rslora] = [merged('peft.merged.safetensors'), merged('rslora.merged.safetensors')]
  const expected = start.map((w, i) => w + 0.5 * (peft[i]! - w) - 2 * (rslora[i]! - w))
  const both = start.slice()
  expect(applyAdapters([parse('peft.safetensors', 0.5), parse('rslora.safetensors', -2)], name, both)).toBe(2)
  expect(relativeError(both, expected)).toBeLessThan(1e-6)
  const back = start.slice()
  applyAdapters([parse('peft.safetensors', 1), parse('peft.safetensors', -1)], name, back)
  expect(relativeError(back, start)).toBeLessThan(1e-6)
  const dora = start.slice()
  applyAdapters([parse('dora.safetensors', 0)], name, dora)
  expect(dora).toEqual(start)
})

test('DoRA of a PEFT convolution scales every output row, though its magnitude is [1, out, 1, 1]', () => {
  const file = adapterFile({
    'base_model.model.a.conv.lora_A.weight': { shape: [1, 2, 1, 1], data: [0, 0] },
    'base_model.model.a.conv.lora_B.weight': { shape: [2, 1, 1, 1], data: [0, 0] },
    'base_model.model.a.conv.lora_magnitude_vector': { shape: [1, 2, 1, 1], data: [10, 26] },
  })
  const weight = Float32Array.from([3, 4, 5, 12])
  parseAdapter(file, new Map([['a.conv.weight', [2, 2, 1, 1]]]), {
    strength: 1,
    name: 'x',
    config: { r: 1, lora_alpha: 1, use_dora: true },
  }).targets.get('a.conv.weight')!(weight)
  expect([...weight]).toEqual([6, 8, 10, 24])
})

test('a difference and a LoRA of one weight add up', () => {
  const file = adapterFile({
    'lora_unet_a_to_k.diff': { shape: [1, 1], data: [3] },
    'lora_unet_a_to_k.lora_down.weight': { shape: [1, 1], data: [2] },
    'lora_unet_a_to_k.lora_up.weight': { shape: [1, 1], data: [5] },
  })
  const weight = Float32Array.from([100])
  parseAdapter(file, new Map([['a.to_k.weight', [1, 1]]]), { strength: 0.5, name: 'x' }).targets.get('a.to_k.weight')!(
    weight,
  )
  expect([...weight]).toEqual([100 + 0.5 * (3 + 10)])
})

test('keys of alpha_pattern are regular expressions for the end of a name', () => {
  const shapes = new Map(['a.to_k', 'a.to_v', 'a.to_q'].map((module) => [`${module}.weight`, [1, 1]] as const))
  const file = adapterFile(
    Object.fromEntries(
      [...shapes.keys()].flatMap((weight) =>
        ['A', 'B'].map((part) => [
          `base_model.model.${weight.replace('.weight', '')}.lora_${part}.weight`,
          { shape: [1, 1], data: [1] },
        ]),
      ),
    ),
  )
  const { targets } = parseAdapter(file, shapes, {
    strength: 1,
    name: 'x',
    config: { r: 1, lora_alpha: 2, alpha_pattern: { 'to_(k|v)': 7 } },
  })
  expect(
    [...shapes.keys()].map((name) => {
      const weight = new Float32Array(1)
      targets.get(name)!(weight)
      return weight[0]
    }),
  ).toEqual([7, 7, 2])
})

test('the scale of a bare PEFT file comes from adapter_config.json', () => {
  const shapes = new Map([['a.to_k.weight', [1, 1]]])
  const file = adapterFile({
    'base_model.model.a.to_k.lora_A.weight': { shape: [4, 1], data: [1, 1, 1, 1] },
    'base_model.model.a.to_k.lora_B.weight': { shape: [1, 4], data: [1, 1, 1, 1] },
  })
  const merged = (config?: Record<string, unknown>) => {
    const weight = new Float32Array(1)
    parseAdapter(file, shapes, { strength: 1, name: 'x', config }).targets.get('a.to_k.weight')!(weight)
    return weight[0]
  }
  expect(() => merged()).toThrow(expect.objectContaining({ code: 'ADAPTER_INVALID' }))
  expect(merged({ lora_alpha: 8, r: 4 })).toBe(8)
  expect(merged({ lora_alpha: 8, r: 4, use_rslora: true })).toBe(16)
  expect(merged({ lora_alpha: 8, r: 4, alpha_pattern: { to_k: 2 } })).toBe(2)
})

test("a pack's LoRA says its alpha in plain metadata", () => {
  const file = adapterFile(
    {
      'unet.a.to_k.lora_A.weight': { shape: [2, 1], data: [1, 1] },
      'unet.a.to_k.lora_B.weight': { shape: [1, 2], data: [1, 1] },
    },
    { format: 'lora', lora_alpha: '4', r: '2' },
  )
  const weight = new Float32Array(1)
  parseAdapter(file, new Map([['a.to_k.weight', [1, 1]]]), { strength: 1, name: 'x', format: 'lora' }).targets.get(
    'a.to_k.weight',
  )!(weight)
  expect(weight[0]).toBe(4)
})

test('differences: float and int8 with a scale per row', () => {
  const shapes = new Map([
    ['w.weight', [2, 2]],
    ['w.bias', [2]],
  ])
  const float = parseAdapter(
    adapterFile(
      { 'w.weight': { shape: [2, 2], data: [1, 2, 3, 4], dtype: 'F16' }, 'w.bias': { shape: [2], data: [5, 6] } },
      { format: 'delta' },
    ),
    shapes,
    { strength: 0.5, name: 'd' },
  )
  const int8 = parseAdapter(
    adapterFile({
      'w.weight': { shape: [2, 2], int8: [-127, 1, 2, 127] },
      'w.weight.scale': { shape: [2], data: [0.5, 0.25] },
    }),
    shapes,
    { strength: 2, name: 'q', format: 'delta-int8' },
  )
  const weight = new Float32Array([10, 10, 10, 10])
  float.targets.get('w.weight')!(weight)
  expect([...weight]).toEqual([10.5, 11, 11.5, 12])
  int8.targets.get('w.weight')!(weight)
  expect([...weight]).toEqual([-116.5, 12, 12.5, 75.5])
  expect([float.format, float.rank, int8.format]).toEqual(['delta', null, 'delta-int8'])
  expect([...float.targets.keys()].sort().reverse()).toEqual(['w.weight', 'w.bias'])
})

test('kohya names of SDXL files are found as diffusers finds them', () => {
  const pairs = JSON.parse(readFileSync(new URL('../../../golden/adapters/sgm.json', import.meta.url), 'utf8')) as [
    string,
    string,
  ][]
  const find = indexModules([...pairs.map(([, module]) => `${module}.weight`), 'down_blocks.0.resnets.1.conv1.weight'])
  for (const [kohya, module] of pairs) expect(find(`lora_unet_${kohya}`)).toBe(`${module}.weight`)
})
