/** Valid inputs changed as damage and ill will change them: bytes, letters, and the structure of JSON. Deterministic. */
import fc from 'fast-check'

export type Input = string | Uint8Array
/** What is changed, where (in millionths of the length), and with what. */
export type Change = readonly [what: number, where: number, value: number]

const MILLION = 1_000_000
export const changes = fc.array(fc.tuple(fc.nat(15), fc.nat(MILLION - 1), fc.nat(65535)), {
  minLength: 1,
  maxLength: 3,
}) as fc.Arbitrary<readonly Change[]>

/** What JSON text cannot be made of values: put into the text as it is. */
const RAW = ['1e999', '-1e999', '9'.repeat(400), 'NaN', `${'['.repeat(9000)}${']'.repeat(9000)}`, '{"a":'.repeat(4000)]
/** Values that readers have stumbled over. */
const HOSTILE: readonly unknown[] = [
  ...[null, true, -1, 0, -0, 1, 0.5, 1e308, 5e-324, 2 ** 53, 1e6, 999_999, 4294967296, '', ' ', 'a'.repeat(5000)],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'valueOf',
    'prototype',
    '\u0000',
    '\ud800',
    '(a+)+$',
    '../../etc',
    '#v2.',
  ],
  ...[[], {}, [[[]]], [null], { length: 1e9 }, { constructor: 1 }],
  ...RAW.map((_, i) => `@raw${i}@`),
]

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
interface Place {
  holder: Json[] | { [key: string]: Json }
  key: string
}

function placesIn(tree: Json): Place[] {
  const places: Place[] = []
  const open: Json[] = [tree]
  while (open.length > 0) {
    const holder = open.pop()
    if (typeof holder !== 'object' || holder === null || holder === undefined) continue
    for (const key of Object.keys(holder)) {
      places.push({ holder, key })
      open.push((holder as Record<string, Json>)[key] ?? null)
    }
  }
  return places
}

const define = (holder: object, key: string, value: unknown): void =>
  void Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })

function changePlace({ holder, key }: Place, what: number, value: number): void {
  const now = (holder as Record<string, Json>)[key]
  switch (what % 8) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else Reflect.deleteProperty(holder, key)
      break
    case 1:
      if (Array.isArray(holder)) holder.push(...Array.from({ length: value % 300 }, () => structuredClone(now ?? null)))
      else {
        Reflect.deleteProperty(holder, key)
        define(holder, ['__proto__', 'constructor', 'toString', 'a'.repeat(3000), ''][value % 5]!, now)
      }
      break
    case 2:
    case 3:
      // One digit of a number, or one letter of a text.
      if (typeof now === 'number') define(holder, key, now + [1, -1, 0.001, 10, -0.1][value % 5]!)
      else if (typeof now === 'string' && now.length > 0) {
        const at = value % now.length
        define(holder, key, now.slice(0, at) + String.fromCharCode(97 + (value % 26)) + now.slice(at + 1))
      } else define(holder, key, structuredClone(HOSTILE[value % HOSTILE.length]))
      break
    case 4:
      if (Array.isArray(holder)) holder.reverse()
      else define(holder, ['constructor', '__proto__', 'extra'][value % 3]!, structuredClone(now ?? null))
      break
    default:
      define(holder, key, structuredClone(HOSTILE[value % HOSTILE.length]))
  }
}

/** A JSON text with values changed in its structure. */
export function changeJson(text: string, list: readonly Change[]): string {
  const tree = JSON.parse(text) as Json
  for (const [what, where, value] of list) {
    const places = placesIn(tree)
    const place = places[Math.floor((where / MILLION) * places.length)]
    if (place) changePlace(place, what, value)
  }
  return JSON.stringify(tree).replace(/"@raw(\d)@"/g, (_, i: string) => RAW[Number(i)] ?? '0')
}

/** A JSON text in which one key is given twice, which JSON.parse says nothing of. */
export function doubleKey(text: string, [[, where, value] = [0, 0, 0]]: readonly Change[]): string {
  const keys = [...text.matchAll(/(?<=[{,])\s*("(?:[^"\\]|\\.)*"\s*:)/g)]
  const key = keys[Math.floor((where / MILLION) * keys.length)]
  if (!key) return text
  return `${text.slice(0, key.index)}${key[1]}${JSON.stringify(HOSTILE[value % HOSTILE.length])},${text.slice(key.index)}`
}

/** A text with letters changed, cut out, doubled. */
export function changeText(text: string, list: readonly Change[]): string {
  let now = text
  for (const [what, where, value] of list) {
    const at = Math.floor((where / MILLION) * now.length)
    const length = 1 + (value % 40)
    const part = now.slice(at, at + length)
    const put = [
      '',
      String.fromCharCode(32 + (value % 96)),
      part + part,
      part.repeat(value % 500),
      JSON.stringify(HOSTILE[value % HOSTILE.length]),
      ['"', '\n', ',', '\r', ';', '\t', '{', ']', '\\', '%', '&', '='][value % 12]!,
      String(value % 10),
    ][what % 7]!
    now = now.slice(0, at) + put + now.slice(at + (what % 7 === 0 || what % 7 > 4 ? length : 1))
  }
  return now
}

/** Bytes flipped, set, cut, doubled, put in. */
export function changeBytes(bytes: Uint8Array, list: readonly Change[]): Uint8Array {
  let now = Uint8Array.from(bytes)
  for (const [what, where, value] of list) {
    const at = Math.floor((where / MILLION) * now.length)
    switch (what % 8) {
      case 0:
      case 1:
        now[at] = (now[at] ?? 0) ^ (1 << (value % 8))
        break
      case 2:
        now[at] = value & 255
        break
      case 3:
        now = now.slice(0, at)
        break
      case 4:
        now = Uint8Array.from([...now.subarray(0, at), ...now.subarray(at, at + (value % 64)), ...now.subarray(at)])
        break
      case 5:
        now = Uint8Array.from([...now.subarray(0, at), ...now.subarray(at + 1 + (value % 16))])
        break
      case 6:
        for (let i = 0; i < 4; i++) if (at + i < now.length) now[at + i] = [0, 255, 127, 128][value % 4]!
        break
      default:
        // The bits of a number that is not finite, as float32 and float64 end.
        for (const [i, byte] of [0, 0, value % 2 ? 0xc0 : 0x80, 0x7f].entries())
          if (at + i < now.length) now[at + i] = byte
    }
  }
  return now
}
