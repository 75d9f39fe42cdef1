/** Reference pictures as Pillow's `Image.open(file).convert("RGB")`; tests/fixtures/pictures/pillow.json holds its bytes' hashes. */
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { plainPng, withoutWishes } from '../../../../src/core/pictures'
import { sha256Hex } from '../../../../src/core/hash'

const FOLDER = 'tests/fixtures/pictures/'
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(FOLDER + name))
const { pictures } = JSON.parse(readFileSync(`${FOLDER}pillow.json`, 'utf8')) as {
  pictures: Record<string, { mode: string; width: number; height: number; sha256: string }>
}
const pngs = readdirSync(FOLDER).filter((name) => name.endsWith('.png') && name !== 'pic-gray16.png')

describe('a PNG', () => {
  test.each(pngs)('%s has the bytes that Pillow gives', (name) => {
    const picture = plainPng(name, bytesOf(name))
    const { width, height, sha256 } = pictures[name]!
    expect([picture?.width, picture?.height, picture && sha256Hex(picture.rgb)]).toEqual([width, height, sha256])
  })
  test('of grey with 16 bits, broken, cut or huge is refused by name', () => {
    expect(() => plainPng('deep.png', bytesOf('pic-gray16.png'))).toThrow('"deep.png" is grey with 16 bits')
    const plain = bytesOf('pic-plain.png')
    expect(() => plainPng('cut.png', plain.subarray(0, 60))).toThrow('"cut.png" is a broken PNG')
    expect(() => plainPng('head.png', plain.subarray(0, 20))).toThrow('ends within its header')
    const huge = Uint8Array.from(plain)
    huge.set([0, 1, 0, 0, 0, 1, 0, 0], 16)
    expect(() => plainPng('huge.png', huge)).toThrow('65536 × 65536 pixels')
    expect(plainPng('a.jpg', bytesOf('pic-turned.jpg'))).toBeNull()
  })
})

describe('what a file asks a viewer for', () => {
  const has = (bytes: Uint8Array, text: string) => Buffer.from(bytes).includes(text)
  test.each(['pic-turned.jpg', 'pic-turned.webp'])('%s loses its orientation and keeps its picture', (name) => {
    const mark = name.endsWith('jpg') ? 'Exif' : 'EXIF'
    expect(has(bytesOf(name), mark)).toBe(true)
    const plain = withoutWishes(name, bytesOf(name))
    expect(has(plain, mark)).toBe(false)
    expect(plain.length).toBeGreaterThan(100)
    if (name.endsWith('webp')) expect(new DataView(plain.buffer).getUint32(4, true)).toBe(plain.length - 8)
  })
  test('a JPEG in CMYK is refused; what is neither stays as it is', () => {
    expect(() => withoutWishes('print.jpg', bytesOf('pic-cmyk.jpg'))).toThrow('"print.jpg" is a JPEG in CMYK')
    expect(withoutWishes('a.bmp', Uint8Array.of(66, 77, 0))).toEqual(Uint8Array.of(66, 77, 0))
    // Cut files end as they are, for the browser to refuse.
    for (const length of [0, 3, 7, 25, 40]) {
      withoutWishes('cut.jpg', bytesOf('pic-turned.jpg').subarray(0, length))
      withoutWishes('cut.webp', bytesOf('pic-turned.webp').subarray(0, length))
    }
  })
})
