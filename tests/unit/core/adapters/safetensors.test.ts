import { expect, test } from 'vitest'
import { readSafetensors, writeSafetensors, halfBits } from '../../../../src/core/adapters'

/** A file with the given header (object or text) and `data` bytes behind it. */
function file(header: unknown, data = 8, length?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true)
  bytes.set(json, 8)
  return bytes
}
const tensor = (begin: number, end: number, extra = {}) => ({
  dtype: 'U8',
  shape: [end - begin],
  data_offsets: [begin, end],
  ...extra,
})
const pickle = new Uint8Array(64)
pickle.set([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46])
const zip = new Uint8Array(64)
zip.set([0x50, 0x4b, 3, 4, 0, 0, 8, 8])

test.each<[string, Uint8Array, RegExp]>([
  ['empty', new Uint8Array(0), /only 0 bytes/],
  ['pickle', pickle, /pickle/],
  ['zip of a .ckpt', zip, /pickle/],
  ['header longer than the file', file({ a: tensor(0, 8) }, 8, 9999), /claims 9999 bytes/],
  ['header of 2^60 bytes', file({ a: tensor(0, 8) }, 8, 2 ** 60), /claims/],
  ['header cut short', file({ a: tensor(0, 8) }, 8, 20), /no valid JSON/],
  ['no JSON', file('[1,2,3]', 8), /not a JSON object/],
  [
    'bad UTF-8',
    (() => {
      const f = file({ añ: tensor(0, 8) })
      f[11] = 0xff
      return f
    })(),
    /UTF-8/,
  ],
  [
    'a name twice',
    file('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'),
    /"a" twice/,
  ],
  [
    'a name twice, escaped',
    file(
      '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\\u0061":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}',
    ),
    /"a" twice/,
  ],
  ['a field twice', file('{"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}}'), /"dtype" twice/],
  ['unknown type', file({ a: tensor(0, 8, { dtype: 'F7' }) }), /unknown type "F7"/],
  ['type of the prototype', file({ a: tensor(0, 8, { dtype: 'toString' }) }), /unknown type/],
  ['offsets outside', file({ a: tensor(0, 16) }), /outside/],
  ['offsets backwards', file({ a: { dtype: 'U8', shape: [0], data_offsets: [8, 0] } }), /outside/],
  ['negative offset', file({ a: { dtype: 'U8', shape: [8], data_offsets: [-8, 0] } }), /data_offsets/],
  ['shape and bytes disagree', file({ a: tensor(0, 8, { shape: [9] }) }), /needs 9 bytes but has 8/],
  ['a shape that overflows', file({ a: tensor(0, 8, { shape: [2 ** 53, 2 ** 53] }) }), /shape|needs/],
  ['negative shape', file({ a: tensor(0, 8, { shape: [-8] }) }), /no valid shape/],
  ['overlap', file({ a: tensor(0, 8), b: tensor(4, 8) }), /"b" overlaps/],
  ['hole', file({ a: tensor(0, 2), b: tensor(4, 8) }), /2 unclaimed bytes before tensor "b"/],
  ['rest', file({ a: tensor(0, 4) }), /4 unclaimed bytes at the end/],
  ['metadata of numbers', file({ __metadata__: { a: 1 }, a: tensor(0, 8) }), /metadata field "a"/],
  ['deep nesting', file('['.repeat(200_000) + ']'.repeat(200_000), 8), /JSON/],
])('refuses: %s', (_, bytes, message) => {
  expect(() => readSafetensors(bytes)).toThrow(
    expect.objectContaining({ code: 'SAFETENSORS_INVALID', message: expect.stringMatching(message) as string }),
  )
})

test('writes what it reads, in an order that does not depend on the map', () => {
  const a = { dtype: 'F32', shape: [2, 2], data: new Float32Array([1, -2.5, 3e-9, 4]) } as const
  const b = { dtype: 'I8', shape: [3], data: new Uint8Array([255, 0, 127]) } as const
  const c = { dtype: 'F16', shape: [3], data: new Float32Array([1 / 3, 65504, -6e-8]) } as const
  const bytes = writeSafetensors(
    new Map<string, typeof a | typeof b | typeof c>([
      ['b', b],
      ['é', a],
      ['c', c],
    ]),
    { z: '1', format: 'pt' },
  )
  expect(
    writeSafetensors(
      new Map<string, typeof a | typeof b | typeof c>([
        ['c', c],
        ['é', a],
        ['b', b],
      ]),
      { format: 'pt', z: '1' },
    ),
  ).toEqual(bytes)
  const read = readSafetensors(bytes)
  expect(read.metadata).toEqual({ format: 'pt', z: '1' })
  expect(read.tensors.get('é')!.floats()).toEqual(a.data)
  expect([...read.tensors.get('b')!.floats()]).toEqual([-1, 0, 127])
  expect([...read.tensors.get('c')!.floats()]).toEqual([0.333251953125, 65504, -5.960464477539063e-8])
})

test('half rounding is to nearest even over all halves and their midpoints', () => {
  const value = (bits: number) =>
    readSafetensors(
      writeSafetensors(
        new Map([['x', { dtype: 'F16' as const, shape: [1], data: new Uint8Array([bits & 255, bits >> 8]) }]]),
      ),
    )
      .tensors.get('x')!
      .floats()[0]!
  for (let bits = 0; bits < 0x7c00; bits += 7) {
    const here = value(bits)
    const next = value(bits + 1)
    expect(halfBits(here)).toBe(bits)
    if (Number.isFinite(next)) expect(halfBits((here + next) / 2)).toBe(bits % 2 === 0 ? bits : bits + 1)
  }
  expect(halfBits(65520)).toBe(0x7c00)
  expect(halfBits(65519)).toBe(0x7bff)
  expect(halfBits(NaN) & 0x7fff).toBe(0x7e00)
})
