/** Indexed PNG: at most 256 colours, a third of the size of true colour for a page of pictures. */
import { crc32, deflateSync } from 'node:zlib'
import { applyPaletteSync, buildPaletteSync, utils } from 'image-q'

export interface Rgba {
  width: number
  height: number
  data: Uint8Array
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(4)
  frame.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([frame, body, check])
}

/** Opaque picture → PNG with a palette (PNG specification, colour type 3), each row unfiltered. */
export function indexedPng({ width, height, data }: Rgba, colors = 256): Buffer {
  const points = utils.PointContainer.fromUint8Array(data, width, height)
  const palette = buildPaletteSync([points], {
    paletteQuantization: 'wuquant',
    colors,
    colorDistanceFormula: 'euclidean',
  })
  const drawn = applyPaletteSync(points, palette, {
    imageQuantization: 'nearest',
    colorDistanceFormula: 'euclidean',
  }).getPointArray()
  const entries = palette.getPointContainer().getPointArray()
  const indexOf = new Map(entries.map(({ uint32 }, index) => [uint32, index]))
  const rows = Buffer.alloc((width + 1) * height)
  drawn.forEach(({ uint32 }, at) => {
    rows[at + Math.floor(at / width) + 1] = indexOf.get(uint32) ?? 0
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits a pixel, palette, deflate, no interlacing.
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(entries.flatMap(({ r, g, b }) => [r, g, b]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array()),
  ])
}
