import { describe, expect, test } from 'vitest'
import {
  nudeNetDetections,
  nudeNetInput,
  nudeNetScore,
  NUDENET_LABELS,
  type NudeNetDetection,
} from '../../../../src/core/metrics'
import { MersenneTwister } from '../../../../src/core/random'
import { golden, picture, sampledGap } from './helpers'

interface Detection {
  class: string
  score: number
  box: number[]
}
const data = golden('nudenet.json') as {
  step: number
  inputs: { size: [number, number]; values: number[] }[]
  real: {
    name: string
    size: [number, number]
    anchors: number
    rows: Record<string, number[]>
    detections: Detection[]
  }[]
  made: { seed: number; size: [number, number]; detections: Detection[] }[]
}
const ANCHORS = 400

/** The outputs of tests/golden/metrics/make_nudenet.py. */
function madeOutput(seed: number): Float32Array {
  const twister = new MersenneTwister(seed)
  const output = new Float32Array(22 * ANCHORS)
  for (let i = 0; i < ANCHORS; i += 1) {
    const words = Array.from({ length: 8 }, () => twister.uint32() / 2 ** 32)
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0, w4 = 0, w5 = 0, w6 = 0] = words
    const cluster = i % 9
    const column = [
      40 + cluster * 30 + w0 * 14,
      30 + ((cluster * 67) % 260) + w1 * 14,
      20 + w2 * 60,
      20 + w3 * 60,
      ...Array<number>(18).fill(w4 * 0.15),
    ]
    column[4 + Math.floor(w5 * 18)] = w6 * 0.5 + 0.1
    column.forEach((value, row) => {
      output[row * ANCHORS + i] = value
    })
  }
  return output
}

function expectSame(found: NudeNetDetection[], expected: Detection[]): void {
  expect(found.map(({ label }) => label)).toEqual(expected.map((detection) => detection.class))
  found.forEach(({ score, box }, i) => {
    expect(Math.abs(score - (expected[i]?.score ?? NaN))).toBeLessThan(1e-6)
    box.forEach((value, k) => expect(Math.abs(value - (expected[i]?.box[k] ?? NaN))).toBeLessThanOrEqual(1))
  })
}

describe('NudeNet', () => {
  test.each(data.inputs)('is shown what the package shows it, for a picture of $size', ({ size, values }) => {
    expect(sampledGap(nudeNetInput(picture(...size, 21)), data.step, values)).toBeLessThanOrEqual(2e-7)
  })

  test('has the channels in the other order on request', () => {
    const image = { width: 2, height: 1, rgb: Uint8Array.of(255, 0, 0, 255, 0, 0) }
    const [bgr, rgb] = [nudeNetInput(image), nudeNetInput(image, 'rgb')]
    const size = 320 * 320
    expect([bgr[0], bgr[size], bgr[2 * size]]).toEqual([0, 0, 1])
    expect([rgb[0], rgb[size], rgb[2 * size]]).toEqual([1, 0, 0])
    // The lower half is padding.
    expect(rgb[319 * 320]).toBe(0)
  })

  test.each(data.real)(
    'finds what the package finds with its own network ($name)',
    ({ size, anchors, rows, detections }) => {
      const output = new Float32Array(22 * anchors)
      for (const [anchor, values] of Object.entries(rows))
        values.forEach((value, row) => {
          output[row * anchors + Number(anchor)] = value
        })
      const found = nudeNetDetections(output, ...size)
      expect(found.length).toBeGreaterThan(0)
      expectSame(found, detections)
    },
  )

  test.each(data.made)('suppresses as the package does (seed $seed)', ({ seed, size, detections }) => {
    const found = nudeNetDetections(madeOutput(seed), ...size)
    expect(found.length).toBeLessThan(ANCHORS / 2)
    expectSame(found, detections)
  })

  test('scores a picture by its highest unsafe class', () => {
    const detections: NudeNetDetection[] = [
      { label: 'FACE_FEMALE', score: 0.9, box: [0, 0, 1, 1] },
      { label: 'FEET_EXPOSED', score: 0.5, box: [0, 0, 1, 1] },
    ]
    const exposed = NUDENET_LABELS.filter((label) => label.endsWith('_EXPOSED'))
    expect(nudeNetScore(detections, exposed)).toBe(0.5)
    expect(nudeNetScore(detections, ['BUTTOCKS_EXPOSED'])).toBe(0)
    expect(nudeNetScore([], exposed)).toBe(0)
    expect([NUDENET_LABELS.length, exposed.length]).toEqual([18, 9])
  })

  test('refuses output of another network and broken numbers', () => {
    expect(() => nudeNetDetections(new Float32Array(23), 64, 64)).toThrow('no multiple of 22')
    expect(() => nudeNetDetections(new Float32Array(22).fill(NaN), 64, 64)).toThrow('no number')
  })
})
