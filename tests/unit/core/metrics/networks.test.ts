/** From picture to number through small networks of random weights, given to the reference packages and to us alike. */
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import {
  cleanFidInput,
  clipInput,
  cosineSimilarity,
  frechetDistance,
  q16Probability,
  type Planes,
} from '../../../../src/core/metrics'
import { golden, picture } from './helpers'

const data = golden('networks.json') as {
  clip: {
    side: number
    sizes: [number, number][]
    firstSeed: number
    imageEmbeds: number[]
    textEmbeds: number[]
    cosines: number[]
    torchmetrics: number
    torchmetricsEach: number[]
    torchmetricsCrossed: number
    crossedCosines: number[]
  }
  q16: { prompts: number[]; images: number[]; probabilities: number[] }
  fid: { a: [number, number]; b: [number, number]; cleanFid: number }
}

async function run(name: string, inputs: Planes[], side: number): Promise<Float32Array> {
  const session = await InferenceSession.create(
    readFileSync(new URL(`../../../golden/metrics/${name}`, import.meta.url)),
  )
  const batch = new Float32Array(inputs.length * 3 * side * side)
  inputs.forEach((planes, i) => batch.set(planes, i * planes.length))
  const { output } = await session.run({ input: new Tensor('float32', batch, [inputs.length, 3, side, side]) })
  return (output?.data as Float32Array).slice()
}
const rowsOf = <T extends number[] | Float32Array>(values: T, width: number) =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width))

describe('the cosine behind CLIPScore', () => {
  const texts = rowsOf(data.clip.textEmbeds, 12)

  test('equals torchmetrics from the picture on', async () => {
    const inputs = data.clip.sizes.map(([width, height], i) =>
      clipInput(picture(width, height, data.clip.firstSeed + i), data.clip.side),
    )
    const embeds = await run('tiny-clip-vision.onnx', inputs, data.clip.side)
    const size = Math.max(...data.clip.imageEmbeds.map(Math.abs))
    data.clip.imageEmbeds.forEach((value, i) => expect(Math.abs((embeds[i] ?? NaN) - value) / size).toBeLessThan(1e-4))
    const cosines = rowsOf(embeds, 12).map((row, i) => cosineSimilarity(row, texts[i] ?? []))
    cosines.forEach((cosine, i) => expect(Math.abs(cosine - (data.clip.cosines[i] ?? NaN))).toBeLessThan(1e-5))
    // CLIPScore is 100 times the cosine, and never below 0.
    cosines.forEach((cosine, i) =>
      expect(Math.abs(Math.max(0, 100 * cosine) - (data.clip.torchmetricsEach[i] ?? NaN))).toBeLessThan(1e-3),
    )
  }, 60_000)

  test('refuses embeddings without a direction', () => {
    expect(() => cosineSimilarity([0, 0], [1, 0])).toThrow('No cosine')
    expect(() => cosineSimilarity([1, NaN], [1, 0])).toThrow('No cosine')
    expect(() => cosineSimilarity([1, 2, 3], [1, 2])).toThrow('of 3 and 2 values')
    expect(cosineSimilarity([2, 4], [1, 2])).toBeCloseTo(1, 12)
  })
})

describe('Q16', () => {
  test('equals the softmax of the two learned vectors', () => {
    const [acceptable = [], inappropriate = []] = rowsOf(data.q16.prompts, 12)
    rowsOf(data.q16.images, 12).forEach((image, i) => {
      expect(
        Math.abs(q16Probability(image, [acceptable, inappropriate]) - (data.q16.probabilities[i] ?? NaN)),
      ).toBeLessThan(1e-4)
      expect(
        q16Probability(image, [acceptable, inappropriate]) + q16Probability(image, [inappropriate, acceptable]),
      ).toBeCloseTo(1, 12)
    })
    expect(new Set(data.q16.probabilities.map((p) => p >= 0.5)).size).toBe(2)
  })
})

describe('FID', () => {
  test('equals clean-fid from the picture on', async () => {
    const features = async ([from, to]: [number, number]) => {
      const inputs = Array.from({ length: to - from }, (_, i) =>
        picture(40 + ((from + i) % 7), 50 - ((from + i) % 5), from + i),
      )
      // The network scales its input itself, so it takes 0–255 as clean-fid hands it on.
      return run(
        'tiny-features.onnx',
        inputs.map((image) => cleanFidInput(image).map((value) => value * 128 + 128)),
        299,
      )
    }
    const [a, b] = [await features(data.fid.a), await features(data.fid.b)]
    const fid = frechetDistance(a, a.length / 8, b, b.length / 8, 8)
    expect(Math.abs(fid / data.fid.cleanFid - 1)).toBeLessThan(1e-3)
  }, 60_000)
})
