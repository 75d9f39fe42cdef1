import { expect, test } from 'vitest'
import { applyAdapters, parseAdapter, type AdapterOptions } from '../../../../src/core/adapters'
import type { ErrorCode } from '../../../../src/core/contracts/errors'
import { adapterFile } from './helpers'

const shapes = new Map<string, readonly number[]>([
  ['down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight', [4, 6]],
  ['conv_in.weight', [4, 2, 3, 3]],
  ['conv_in.bias', [4]],
])
const at = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k'
const zeros = (...shape: number[]) => ({ shape, data: Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0) })
const down = (extra = {}) => ({ [`unet.${at}.lora_A.weight`]: { ...zeros(2, 6), ...extra } })
const up = (extra = {}) => ({ [`unet.${at}.lora_B.weight`]: { ...zeros(4, 2), ...extra } })

test.each<[string, Parameters<typeof adapterFile>, ErrorCode, RegExp, Partial<AdapterOptions>?]>([
  [
    'an SDXL LoRA',
    [{ 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight': zeros(2, 640) }],
    'ADAPTER_UNMATCHED',
    /input_blocks_4_1/,
  ],
  ['an SDXL width', [{ ...down(zeros(2, 2048)), ...up() }], 'ADAPTER_SHAPE', /lora_A.*\[2, 2048\].*needs \[2, 6\]/],
  [
    'a text-encoder LoRA without that encoder',
    [{ 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight': zeros(2, 6) }],
    'ADAPTER_UNMATCHED',
    /lora_te_/,
  ],
  ['an unknown key', [{ ...down(), ...up(), 'unet.extra': zeros(1) }], 'ADAPTER_UNMATCHED', /"unet.extra"/],
  ['rank 0', [{ ...down(zeros(0, 6)), ...up(zeros(4, 0)) }], 'ADAPTER_SHAPE', /lora_A.*rank 0/],
  ['no up matrix', [down()], 'ADAPTER_SHAPE', /no up/],
  ['no down matrix', [up()], 'ADAPTER_SHAPE', /no down/],
  ['ranks that differ', [{ ...down(), ...up(zeros(4, 3)) }], 'ADAPTER_SHAPE', /lora_B.*\[4, 3\]/],
  ['NaN', [{ ...down(), ...up({ data: [0, 0, 0, NaN, 0, 0, 0, 0] }) }], 'ADAPTER_NAN', /lora_B/],
  [
    'infinite alpha',
    [{ ...down(), ...up(), [`unet.${at}.alpha`]: { shape: [], data: [Infinity] } }],
    'ADAPTER_NAN',
    /alpha/,
  ],
  ['a vector as alpha', [{ ...down(), ...up(), [`unet.${at}.alpha`]: zeros(2) }], 'ADAPTER_SHAPE', /alpha/],
  [
    'a magnitude of another length',
    [{ ...down(), ...up(), [`unet.${at}.lora_magnitude_vector`]: zeros(3) }],
    'ADAPTER_SHAPE',
    /magnitude/,
  ],
  [
    'a difference with a magnitude',
    [
      {
        [`lora_unet_${at.replaceAll('.', '_')}.diff`]: zeros(4, 6),
        [`lora_unet_${at.replaceAll('.', '_')}.dora_scale`]: zeros(4),
      },
    ],
    'ADAPTER_INVALID',
    /dora_scale.*not supported/,
  ],
  [
    'a pattern that is none',
    [{ ...down(), ...up() }],
    'ADAPTER_INVALID',
    /alpha_pattern "to_\(k"/,
    { config: { lora_alpha: 2, alpha_pattern: { 'to_(k': 4 } } },
  ],
  [
    'the same part twice',
    [{ ...down(), ...up(), [`${at}.lora_A.weight`]: zeros(2, 6) }],
    'ADAPTER_INVALID',
    /same part/,
  ],
  ['LoKr', [{ 'lora_unet_x.lokr_w1': zeros(2, 2) }], 'ADAPTER_INVALID', /LoKr/],
  ['a whole checkpoint', [{ [`${at}.weight`]: zeros(4, 6) }], 'ADAPTER_INVALID', /whole weight/],
  ['no tensors', [{}], 'ADAPTER_INVALID', /no tensors/],
  [
    'broken configuration',
    [{ ...down(), ...up() }, { lora_adapter_metadata: '{' }],
    'ADAPTER_INVALID',
    /lora_adapter_metadata/,
  ],
  [
    'a difference of an unknown weight',
    [{ 'nowhere.weight': zeros(2) }, { format: 'delta' }],
    'ADAPTER_UNMATCHED',
    /nowhere/,
  ],
  [
    'a difference of another shape',
    [{ 'conv_in.weight': zeros(2, 4, 3, 3) }, { format: 'delta' }],
    'ADAPTER_SHAPE',
    /conv_in/,
  ],
  [
    'int8 without scale',
    [{ 'conv_in.bias': { shape: [4], int8: [1, 2, 3, 4] } }, { format: 'delta-int8' }],
    'ADAPTER_SHAPE',
    /no .scale/,
  ],
  [
    'int8 with one scale for all',
    [{ 'conv_in.bias': { shape: [4], int8: [1, 2, 3, 4] }, 'conv_in.bias.scale': zeros(1) }, { format: 'delta-int8' }],
    'ADAPTER_SHAPE',
    /scale/,
  ],
  [
    'a scale without its tensor',
    [{ 'conv_in.bias.scale': zeros(4) }, { format: 'delta-int8' }],
    'ADAPTER_UNMATCHED',
    /conv_in.bias.scale/,
  ],
  ['a strength that is no number', [{ ...down(), ...up() }], 'BAD_INPUT', /strength/, { strength: NaN }],
])('refuses %s by name', (_, file, code, message, options) => {
  expect(() =>
    parseAdapter(adapterFile(...file), shapes, { strength: 1, name: 'mine.safetensors', ...options }),
  ).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }))
})

test('refuses a 300 MB LoRA before touching it', () => {
  const bytes = { length: 300 * 2 ** 20 } as Uint8Array
  const tensor = {
    dtype: 'F32' as const,
    shape: [2],
    bytes,
    floats: () => {
      throw new Error('read')
    },
  }
  expect(() =>
    parseAdapter({ metadata: {}, tensors: new Map([['a', tensor]]) }, shapes, { strength: 1, name: 'big' }),
  ).toThrow(expect.objectContaining({ code: 'ADAPTER_TOO_LARGE', message: expect.stringMatching(/300 MB/) as string }))
})

test('refuses a merge that overflows', () => {
  const adapter = parseAdapter(
    adapterFile({ ...down({ data: Array<number>(12).fill(1e30) }), ...up({ data: Array<number>(8).fill(1e30) }) }),
    shapes,
    { strength: 1, name: 'x' },
  )
  expect(() => applyAdapters([adapter], `${at}.weight`, new Float32Array(24))).toThrow(
    expect.objectContaining({ code: 'ADAPTER_NAN' }),
  )
})
