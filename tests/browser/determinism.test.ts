/**
 * The pictogram pack on WASM: a unit's picture does not depend on the thread count or on the batch it is made in, so that
 * a resumed run, and a run on another machine, give the same hashes.
 */
import { proxy } from 'comlink'
import { expect, test } from 'vitest'
import type { ModelVariant, SamplerSpec } from '../../src/core/contracts'
import { startEngine, workUnit } from '../helpers/engine'

const PACK = new URL('/packs/pictogram/', location.origin).href
const variant: ModelVariant = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }
const texts = [
  'please draw a kitchen knife',
  'two small pandas',
  'a watch in old noto style',
  'un chat bleu',
  'صورة قمر',
]
const units = texts.map((text, i) => workUnit(text, 1000 + i))
/** Three of the one in five whose picture had other last bits when its row was alone in a run with two threads. */
const lone = [
  workUnit('an emoji that shows a cactus', 1005),
  workUnit('show me a pill', 1010),
  workUnit('an emoji that shows a panda', 1029),
]

async function hashes(threads: number, groups: number[][], of = units, guidance?: number): Promise<string[]> {
  const { engine, stop } = startEngine()
  try {
    const { manifest } = await engine.open(
      PACK,
      { executionProvider: 'wasm', threads },
      proxy(() => undefined),
    )
    const { type, guidanceScale } = manifest.model.scheduler
    const sampler: SamplerSpec = {
      scheduler: type,
      numInferenceSteps: 3,
      guidanceScale: guidance ?? guidanceScale,
      noise: 'philox',
    }
    await engine.prepare(
      variant,
      ['pictoguard-cnn'],
      proxy(() => undefined),
    )
    const found = new Map<number, string>()
    for (const group of groups) {
      const { results } = await engine.run(
        group.map((i) => of[i]!),
        sampler,
      )
      results.forEach((result, k) => {
        if (result.image) found.set(group[k]!, result.image.sha256)
      })
    }
    return of.map((_, i) => found.get(i) ?? 'none')
  } finally {
    stop()
  }
}

test('the same pictures with one and two threads, in one batch, in two, and alone', async () => {
  const one = await hashes(1, [[0, 1, 2, 3, 4]])
  expect(one).not.toContain('none')
  expect(new Set(one).size).toBe(texts.length)
  expect(await hashes(2, [[0, 1, 2, 3, 4]])).toEqual(one)
  expect(await hashes(1, [[3, 0], [4], [2, 1]])).toEqual(one)
}, 300_000)

test('without guidance, where a picture alone is one row, its bits are those that it has among others', async () => {
  const together = await hashes(2, [[0, 1, 2]], lone, 1)
  expect(together).not.toContain('none')
  expect(await hashes(2, [[0], [1], [2]], lone, 1)).toEqual(together)
  expect(await hashes(1, [[1], [2, 0]], lone, 1)).toEqual(together)
}, 300_000)
