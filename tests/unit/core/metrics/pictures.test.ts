import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  cleanFidInput,
  clipInput,
  resizePlanes,
  resizeRgb,
  rgbUnitInput,
  torchFidelityInput,
  vitInput,
  type ResizeFilter,
  nsfwjsInput,
  openNsfwInput,
} from '../../../../src/core/metrics'
import { resizeAlignedCorners } from '../../../../src/core/metrics/bilinear'
import { golden, picture, sampledGap } from './helpers'

type Size = [number, number]
const data = golden('pictures.json') as {
  step: number
  inputStep: number
  resizes: { from: Size; to: Size; filter: ResizeFilter; bytes: string; floats: number[] }[]
  hashes: { from: Size; to: Size; filter: ResizeFilter; sha256: string }[]
  inputs: { size: Size; cleanFid: number[]; torchFidelity: number[]; clip: number[]; vit: number[] }[]
  clip336: { size: Size; values: number[] }
}

describe('resizing', () => {
  test.each(data.resizes)('$filter from $from to $to gives Pillow’s bytes', ({ from, to, filter, bytes }) => {
    const expected = Buffer.from(bytes, 'base64')
    const { rgb } = resizeRgb(picture(...from, 11), ...to, filter)
    expect(rgb.length).toBe(expected.length)
    expect(Buffer.from(rgb).equals(expected)).toBe(true)
  })

  test.each(data.resizes)('$filter from $from to $to gives clean-fid’s floats', ({ from, to, filter, floats }) => {
    const clipped = resizePlanes(picture(...from, 11), ...to, filter).map((value) => Math.max(0, Math.min(255, value)))
    expect(sampledGap(clipped, data.step, floats)).toBeLessThan(1e-4)
  })

  test.each(data.hashes)(
    '$filter from $from to $to gives Pillow’s bytes on a large picture',
    ({ from, to, filter, sha256 }) => {
      const { rgb } = resizeRgb(picture(...from, 12), ...to, filter)
      expect(createHash('sha256').update(rgb).digest('hex')).toBe(sha256)
    },
  )

  test('leaves a picture at its own size as it is, in an array of its own', () => {
    const source = picture(8, 6, 1)
    const same = resizeRgb(source, 8, 6, 'bicubic')
    expect(same.rgb).toEqual(source.rgb)
    expect(same.rgb).not.toBe(source.rgb)
  })

  test('keeps a constant picture constant', () => {
    const grey = { width: 13, height: 7, rgb: new Uint8Array(13 * 7 * 3).fill(137) }
    for (const filter of ['bilinear', 'bicubic'] as const) {
      expect(resizeRgb(grey, 30, 3, filter).rgb.every((value) => value === 137)).toBe(true)
    }
  })

  test('refuses pictures and sizes that cannot be', () => {
    expect(() => resizeRgb({ width: 4, height: 4, rgb: new Uint8Array(47) }, 2, 2, 'bicubic')).toThrow(
      '4 × 4 came with 47 bytes',
    )
    expect(() => resizePlanes(picture(4, 4, 1), 0, 2, 'bicubic')).toThrow('0 × 2')
    expect(() => cleanFidInput({ width: 0, height: 4, rgb: new Uint8Array(0) })).toThrow('0 × 4')
  })
})

describe('what the reference packages show their networks', () => {
  test.each(data.inputs)('equals them for a picture of $size', ({ size, cleanFid, torchFidelity, clip, vit }) => {
    const source = picture(...size, 13)
    expect(sampledGap(cleanFidInput(source), data.inputStep, cleanFid), 'clean-fid').toBeLessThan(2e-6)
    expect(sampledGap(torchFidelityInput(source), data.inputStep, torchFidelity), 'torch-fidelity').toBeLessThan(2e-6)
    expect(sampledGap(clipInput(source), data.inputStep, clip), 'CLIPImageProcessor').toBeLessThan(2e-6)
    expect(sampledGap(vitInput(source), data.inputStep, vit), 'ViTImageProcessor').toBeLessThan(1e-6)
  })

  test('equals CLIPImageProcessor at 336 pixels', () => {
    expect(
      sampledGap(clipInput(picture(...data.clip336.size, 13), 336), data.inputStep, data.clip336.values),
    ).toBeLessThan(2e-6)
  })

  test('passes the manifest’s rgb-unit mode at the judge’s own size only', () => {
    const source = picture(3, 2, 5)
    const planes = rgbUnitInput(source, 3, 2, [0.5, 0.5, 0.5], [0.5, 0.5, 0.25])
    expect(planes[1]).toBeCloseTo((source.rgb[3]! / 255 - 0.5) / 0.5, 6)
    expect(planes[12]).toBeCloseTo((source.rgb[2]! / 255 - 0.5) / 0.25, 6)
    expect(() => rgbUnitInput(source, 2, 3, [0, 0, 0], [1, 1, 1])).toThrow(
      'takes pictures of 2 × 3 and was given 3 × 2',
    )
  })
})

describe('classifiers out of TensorFlow', () => {
  test('are shown what NSFWJS shows: aligned corners, no antialiasing (TensorFlow.js 4.22)', () => {
    const [height, width] = [5, 7]
    const rgb = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * i * 7 + i * 13) % 256)
    // tf.image.resizeBilinear(x, [3, 4], true) of that picture over 255, pixel by pixel.
    const expected = [
      0, 0.078431375, 0.21176471, 0.29019609, 0.69803923, 0.15686275, 0.54901963, 0.28235295, 0.070588239, 0.7764706,
      0.8392157, 0.95686275, 0.36862746, 0.74509805, 0.17254902, 0.43921569, 0.14117648, 0.90196079, 0.47843137,
      0.50980395, 0.59607846, 0.48627451, 0.84705883, 0.25882354, 0.20392157, 0.87843138, 0.60392159, 0.054901961,
      0.054901961, 0.10980392, 0.87843138, 0.20392157, 0.58823532, 0.66666669, 0.32156864, 0.031372551,
    ]
    const planes = resizeAlignedCorners({ width, height, rgb }, 4, 3)
    expected.forEach((value, i) => {
      expect(Math.abs((planes[(i % 3) * 12 + Math.floor(i / 3)] ?? NaN) / 255 - value)).toBeLessThan(1e-6)
    })
    // Downscaling from 97 × 61 reads between pixels; the corners meet exactly.
    const large = picture(97, 61, 5)
    const input = nsfwjsInput(large, 32)
    expect(input[0]).toBeCloseTo(large.rgb[0]! / 255, 6)
    expect(input[3 * 32 * 32 - 1]).toBeCloseTo(large.rgb.at(-1)! / 255, 6)
  })

  test('Open NSFW sees the middle in blue, green, red less the mean', () => {
    const rgb = new Uint8Array(300 * 200 * 3)
    for (let i = 0; i < rgb.length; i += 3) rgb.set([10, 20, 30], i)
    const planes = openNsfwInput({ width: 300, height: 200, rgb })
    const size = 224 * 224
    expect(planes.length).toBe(3 * size)
    expect([planes[0], planes[size], planes[2 * size]]).toEqual([30 - 104, 20 - 117, 10 - 123])
  })
})
