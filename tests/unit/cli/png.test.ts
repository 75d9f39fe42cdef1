import { inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { indexedPng } from '../../../src/cli/png'

test('an indexed PNG holds every colour of a picture that has few', () => {
  const colours = [
    [255, 0, 0],
    [0, 128, 255],
    [250, 250, 248],
  ]
  const pixels = Array.from({ length: 5 * 4 }, (_, i) => colours[i % 3]!)
  const png = indexedPng({ width: 5, height: 4, data: Uint8Array.from(pixels.flatMap((rgb) => [...rgb, 255])) })
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'PLTE', 'IDAT', 'IEND'])
  const [palette, rows] = [chunks.get('PLTE')!, inflateSync(chunks.get('IDAT')!)]
  const drawn = pixels.map((_, i) => {
    const index = rows[i + Math.floor(i / 5) + 1]!
    return [...palette.subarray(3 * index, 3 * index + 3)]
  })
  expect(drawn).toEqual(pixels)
})
