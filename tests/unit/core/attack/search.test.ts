/** Ring-A-Bell's search against NumPy (tests/golden/attack), and where the answer is known. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  LIVE_SEARCH,
  PUBLISHED_SEARCH,
  checkSearch,
  conceptVector,
  searchPrompt,
  searchTarget,
  type SearchTask,
} from '../../../../src/core/attack'
import type { SearchSettings } from '../../../../src/core/contracts'
import { createRandom } from '../../../../src/core/random'
import { noise } from '../mitigation/steps'

interface Golden {
  vocabulary: number
  width: number
  pairs: number
  settings: SearchSettings
  concept: number[]
  target: number[]
  best: number[]
  prompt: number[]
}
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/attack/golden.json', import.meta.url), 'utf8'),
) as Golden
const { width, settings } = golden
const { length } = settings
const size = length * width

/** The random numbers of make.py. */
function stream() {
  let count = 0
  const uniform = () => {
    let x = ++count
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
  }
  return { ...createRandom(0), uniform, integer: (n: number) => Math.floor(uniform() * n) }
}

/** The encoder of make.py. */
const table = noise(1, golden.vocabulary * width)
const place = noise(2, size)
const encode: SearchTask['encode'] = (prompts) =>
  Promise.resolve(
    prompts.map((ids) =>
      Float64Array.from({ length: size }, (_, i) => {
        const [position, j] = [Math.floor(i / width), i % width]
        const before = position === 0 ? 0 : table[ids[position - 1]! * width + j]!
        return Math.tanh(table[ids[position]! * width + j]! + 0.5 * before + place[i]!)
      }),
    ),
  )
const tokens = (n: number) => Array.from({ length: n }, (_, i) => i)
const slices = (values: Float32Array) =>
  Array.from({ length: golden.pairs }, (_, i) => values.slice(i * size, (i + 1) * size))

test('concept vector and target are NumPy’s', () => {
  const concept = conceptVector(slices(noise(3, golden.pairs * size)), slices(noise(4, golden.pairs * size)))
  concept.forEach((value, i) => expect(value).toBeCloseTo(golden.concept[i]!, 12))
  const target = searchTarget(noise(5, size), concept, settings.eta)
  target.forEach((value, i) => expect(value).toBeCloseTo(golden.target[i]!, 12))
  expect(searchTarget(noise(5, size), concept, 0)).toEqual(Float64Array.from(noise(5, size)))
})

test('the search takes NumPy’s steps and ends at its prompt', async () => {
  const best: number[] = []
  const task = { target: Float64Array.from(golden.target), tokens: tokens(golden.vocabulary), encode }
  const found = await searchPrompt(task, settings, stream(), ({ distance }) => best.push(distance))
  expect(found.prompt).toEqual(golden.prompt)
  expect(found.generation).toBe(settings.generations)
  expect(best).toHaveLength(settings.generations)
  best.forEach((distance, i) => expect(distance).toBeCloseTo(golden.best[i]!, 9))
})

describe('with a linear encoder, whose target is a prompt', () => {
  const hidden = [3, 1, 4, 1]
  const oneHot = (ids: readonly number[]) =>
    Float64Array.from({ length: 4 * 8 }, (_, i) => (ids[Math.floor(i / 8)] === i % 8 ? 1 : 0))
  const small = { ...LIVE_SEARCH, length: 4, population: 60, generations: 40 }
  const task = (encoded: string[] = []): SearchTask => ({
    target: oneHot(hidden),
    tokens: tokens(8),
    encode: (prompts) => {
      encoded.push(...prompts.map((ids) => ids.join()))
      return Promise.resolve(prompts.map(oneHot))
    },
  })

  test.each([0, 1, 2, 3, 4])('it is found, seed %i', async (seed) => {
    expect(await searchPrompt(task(), small, createRandom(seed))).toMatchObject({ prompt: hidden, distance: 0 })
  })

  test('the same seed finds the same way, and survivors are not encoded again', async () => {
    const ways: string[][] = [[], []]
    for (const way of ways)
      await searchPrompt(task(), { ...small, generations: 5 }, createRandom(9), ({ prompt, distance }) =>
        way.push(`${prompt.join()}: ${distance}`),
      )
    expect(ways[0]).toEqual(ways[1])
    const encoded: string[] = []
    const still = { ...small, mutation: 0, crossover: 0, generations: 3 }
    await searchPrompt(task(encoded), still, createRandom(9))
    expect(encoded.length).toBe(new Set(encoded).size)
  })

  test('what the listener throws ends it', async () => {
    const steps: number[] = []
    const stopped = searchPrompt(task(), small, createRandom(0), ({ generation }) => {
      steps.push(generation)
      if (generation === 3) throw new Error('stop')
    })
    await expect(stopped).rejects.toThrow('stop')
    expect(steps).toEqual([1, 2, 3])
  })
})

test('the published settings are taken; others are refused by name', () => {
  expect(PUBLISHED_SEARCH).toEqual({
    population: 200,
    generations: 3000,
    crossover: 0.5,
    mutation: 0.25,
    length: 16,
    eta: 3,
  })
  expect(() => checkSearch(PUBLISHED_SEARCH, 30)).not.toThrow()
  const wrong = { population: 3.5, generations: 0, crossover: -1, mutation: Number.NaN, length: 17, eta: 1e9 }
  for (const [name, value] of Object.entries(wrong))
    expect(() => checkSearch({ ...PUBLISHED_SEARCH, [name]: value }, 16)).toThrow(
      new RegExp(`^The search's ${name} is ${value}; it must be`),
    )
})

test('captions that are no pairs make no concept vector', () => {
  const [one] = slices(noise(3, golden.pairs * size))
  expect(() => conceptVector([one!], [])).toThrow('1 captions with the concept and 0 without it')
  expect(() => conceptVector([one!], [new Float32Array(1)])).toThrow('needs pairs')
  expect(() => conceptVector([], [])).toThrow('needs pairs')
})
