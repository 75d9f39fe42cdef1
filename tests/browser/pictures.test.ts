/** Reference pictures in the browser's own decoders, against Pillow; pillow.json holds its figures. */
import { expect, test } from 'vitest'
import { picturesOf } from '../../src/state/settings/folder'
import pillow from '../fixtures/pictures/pillow.json'

const urls = import.meta.glob<string>('../fixtures/pictures/pic-*', { query: '?url', import: 'default', eager: true })
const chosen = async (name: string, as = name): Promise<File> => {
  const response = await fetch(urls[`../fixtures/pictures/${name}`] ?? '')
  const type = `image/${name.split('.').at(-1)?.replace('jpg', 'jpeg')}`
  return new File([await response.arrayBuffer()], as, { type })
}
const all = async (files: File[]) => {
  const found = []
  for await (const picture of picturesOf(files)) found.push(picture)
  return found
}
const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16).padStart(2, '0')).join('')

test('a folder of pictures is what Pillow reads; files of macOS beside them are passed over', async () => {
  const names = ['pic-gama.png', 'pic-rgba.png', 'pic-rgb16.png', 'pic-palette.png', 'pic-turned.webp']
  const files = await Promise.all(names.map((name) => chosen(name)))
  const found = await all([new File(['no picture'], '._pic-gama.png'), ...files])
  expect(found.map(({ file }) => file)).toEqual(names)
  const want = pillow.pictures as Record<string, { sha256: string; width: number; height: number }>
  for (const { file, width, height, rgb } of found)
    expect([file, width, height, await sha256(rgb)]).toEqual([
      file,
      want[file]?.width,
      want[file]?.height,
      want[file]?.sha256,
    ])
})
test('a JPEG is not turned, and its values are Pillow’s within a step', async () => {
  const [picture] = await all([await chosen('pic-turned.jpg')])
  const { width, height, first, mean } = pillow.pictures['pic-turned.jpg']
  expect([picture?.width, picture?.height]).toEqual([width, height])
  const rgb = picture?.rgb ?? new Uint8Array()
  first.forEach((value, i) => expect(Math.abs((rgb[i] ?? 0) - value)).toBeLessThanOrEqual(1))
  mean.forEach((value, c) => {
    const own = rgb.filter((_, i) => i % 3 === c)
    expect(Math.abs(own.reduce((a, b) => a + b, 0) / own.length - value)).toBeLessThan(0.3)
  })
})
test('what has no plain reading is refused by name', async () => {
  await expect(all([await chosen('pic-cmyk.jpg')])).rejects.toThrow('CMYK')
  await expect(all([await chosen('pic-alpha.webp')])).rejects.toThrow('"pic-alpha.webp" is transparent in places')
  await expect(all([await chosen('pic-gray16.png')])).rejects.toThrow('16 bits')
  await expect(all([new File(['x'], 'torn.jpg')])).rejects.toThrow('"torn.jpg" cannot be read')
})
