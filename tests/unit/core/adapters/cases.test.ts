/** Files that other readers take otherwise than they should: as the reference library has them, or refused by name. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { applyAdapters, parseAdapter } from '../../../../src/core/adapters'
import { adapterFile, golden, relativeError, shapesOf } from './helpers'

const base = golden('cases/base.safetensors')
const weights = shapesOf(base)

function parse(name: string) {
  const path = new URL(`../../../golden/adapters/cases/${name}.adapter_config.json`, import.meta.url)
  const config = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>) : undefined
  return parseAdapter(golden(`cases/${name}.safetensors`), weights, { strength: 1, name, ...(config && { config }) })
}

test.each(['caret', 'caret-peft', 'adapter-name', 'dora-lin-diffusers-kohya', 'lora-bias'])(
  '%s merges as the reference library does',
  (name) => {
    const adapter = parse(name)
    const expected = golden(`cases/${name}.want.safetensors`)
    expect([...adapter.targets.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
    for (const [target, tensor] of expected.tensors) {
      const weight = base.tensors.get(target)!.floats()
      expect(relativeError(weight, tensor.floats())).toBeGreaterThan(1e-4)
      applyAdapters([adapter], target, weight)
      expect(relativeError(weight, tensor.floats()), target).toBeLessThan(1e-6)
    }
  },
)

test("DoRA's magnitude is read under diffusers' dotted kohya name", () => {
  expect(parse('magnitude-dotted')).toMatchObject({ format: 'dora', rank: 4 })
})

test.each([
  ['pissa', /init_lora_weights = "pissa"/],
  ['boft', /BOFT/],
  ['ia3', /IA3/],
  ['norms', /trained norm layer/],
  ['bundle', /textual inversion bundled/],
  ['te-wrapped', /changes the text encoder, and this model's text encoder cannot be changed/],
])('%s is refused with the true reason', (name, reason) => {
  expect(() => parse(name)).toThrow(expect.objectContaining({ message: expect.stringMatching(reason) as string }))
})

test('a pattern that runs away elsewhere is read within 50 ms', () => {
  const file = golden('cases/pattern-redos.safetensors')
  const shapes = shapesOf(golden('base.safetensors'))
  const times = [1, 2, 3, 4, 5, 6].map(() => {
    const start = performance.now()
    parseAdapter(file, shapes, { strength: 1, name: 'redos' })
    return performance.now() - start
  })
  // The best of six, for the machine may be busy; a pattern that runs away takes seconds each time.
  expect(Math.min(...times)).toBeLessThan(50)
  const adapter = parseAdapter(file, shapes, { strength: 1, name: 'redos' })
  expect(adapter.targets.size).toBe(file.tensors.size / 2)
})

const at = 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k'
const pair = (prefix = 'base_model.model.', module = at, rank = 1, [rows, columns] = [16, 12]) => ({
  [`${prefix}${module}.lora_A.weight`]: { shape: [rank, columns!], data: Array<number>(rank * columns!).fill(1) },
  [`${prefix}${module}.lora_B.weight`]: { shape: [rows!, rank], data: Array<number>(rank * rows!).fill(1) },
})
const one = { shape: [1], data: [1] }
const plain = { r: 1, lora_alpha: 1 }

test.each<[string, Parameters<typeof adapterFile>[0], Record<string, unknown> | undefined, RegExp]>([
  ['PEFT weights without their configuration', pair(), undefined, /strength .* was trained with is not in the file/],
  ['a configuration without lora_alpha', pair(), { r: 1 }, /strength .* is not in the file/],
  ['a configuration of other weights', pair(), { r: 4, lora_alpha: 1 }, /gives rank 4 .* have rank 1/],
  ['a rank pattern of other weights', pair(), { ...plain, rank_pattern: { to_k: 3 } }, /gives rank 3 .* have rank 1/],
  ['DoRA without magnitudes', pair(), { ...plain, use_dora: true }, /use_dora.*no magnitude/],
  ['OLoRA', pair(), { ...plain, init_lora_weights: 'olora' }, /init_lora_weights = "olora"/],
  ['PiSSA in few steps', pair(), { ...plain, init_lora_weights: 'pissa_niter_4' }, /pissa_niter_4/],
  ['another PEFT kind', pair(), { ...plain, peft_type: 'ADALORA' }, /for "ADALORA"/],
  ['trained biases by configuration', pair(), { ...plain, bias: 'all' }, /bias = "all"/],
  [
    'modules_to_save by configuration',
    pair(),
    { ...plain, modules_to_save: ['conv_in'] },
    /modules_to_save.*saved whole/,
  ],
  ['activated LoRA', pair(), { ...plain, alora_invocation_tokens: [1] }, /alora_invocation_tokens/],
  ['a setting of a later PEFT', pair(), { ...plain, use_something_new: true }, /use_something_new = true/],
  [
    'trained biases',
    { ...pair(), [`base_model.model.${at.replace('to_k', 'to_out.0')}.bias`]: one },
    plain,
    /trained bias/,
  ],
  [
    'modules_to_save',
    { ...pair(), [`base_model.model.${at.replace('to_k', 'to_out.0')}.weight`]: one },
    plain,
    /modules_to_save/,
  ],
  [
    'modules_to_save by name',
    { ...pair(), 'base_model.model.conv_in.modules_to_save.weight': one },
    plain,
    /modules_to_save/,
  ],
  ['PEFT IA3', { [`base_model.model.${at}.ia3_l`]: one }, undefined, /IA3/],
  ['VeRA', { [`base_model.model.${at}.vera_lambda_b`]: one }, undefined, /VeRA/],
  ['AdaLoRA', { ...pair(), [`base_model.model.${at}.lora_E`]: one }, undefined, /AdaLoRA/],
  ['PEFT BOFT', { [`base_model.model.${at}.boft_R`]: one }, undefined, /BOFT/],
  ['OFT', { [`base_model.model.${at}.oft_r.weight`]: one }, undefined, /OFT/],
  ['GLoRA', { [`lora_unet_${at.replaceAll('.', '_')}.a1.weight`]: one }, undefined, /GLoRA/],
  ['LoHa', { [`lora_unet_${at.replaceAll('.', '_')}.hada_w1_a`]: one }, undefined, /LoHa/],
  ["cloneofsimo's format", { 'unet:0:up': one, 'unet:0:down': one }, undefined, /cloneofsimo/],
  ['a textual inversion', { emb_params: one }, undefined, /textual inversion/],
  ['a checkpoint', { 'model.diffusion_model.input_blocks.0.0.weight': one }, undefined, /whole checkpoint/],
  ['a Flux LoRA', pair('transformer.', 'single_transformer_blocks.0.attn.to_q'), undefined, /diffusion transformer/],
  [
    'a bias that the layer lacks',
    { ...pair('unet.'), [`unet.${at}.lora_B.bias`]: one },
    undefined,
    /lora_bias.*has none/,
  ],
  ['two adapters in one file', { ...pair(''), [`${at}.lora_A.second.weight`]: one }, undefined, /same part/],
])('refuses %s with the true reason', (_, tensors, config, reason) => {
  const read = () => parseAdapter(adapterFile(tensors), weights, { strength: 1, name: 'x', ...(config && { config }) })
  expect(read).toThrow(expect.objectContaining({ message: expect.stringMatching(reason) as string }))
})

const change = (
  tensors: Parameters<typeof adapterFile>[0],
  shapes: Map<string, readonly number[]>,
  config?: object,
) => {
  const { targets } = parseAdapter(adapterFile(tensors), shapes, {
    strength: 1,
    name: 'x',
    ...(config && { config: { ...config } }),
  })
  const [[name, target]] = [...targets] as [[string, (weight: Float32Array) => void]]
  const weight = new Float32Array(shapes.get(name)!.reduce((a, b) => a * b, 1))
  target(weight)
  return [name, weight[0]]
}

test('text-encoder keys of transformers 5 name the same layers as those of transformers 4', () => {
  const layer = 'encoder.layers.0.self_attn.k_proj'
  for (const own of [`text_encoder.text_model.${layer}`, `text_encoder.${layer}`]) {
    const shapes = new Map([[`${own}.weight`, [1, 1] as const]])
    for (const form of [layer, `text_model.${layer}`]) {
      expect(change(pair('text_encoder.', form, 1, [1, 1]), shapes)).toEqual([`${own}.weight`, 1])
      const config = { r: 1, lora_alpha: 3, alpha_pattern: { [`^${form}`]: 5 } }
      expect(change(pair('base_model.model.', form, 1, [1, 1]), shapes, config)).toEqual([`${own}.weight`, 5])
    }
  }
})
