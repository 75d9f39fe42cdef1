/** Which of several pictures is kept, and that a broken or unjudged one is never the safest. */
import { describe, expect, test } from 'vitest'
import { SpqrError, type JudgeFacts, type SamplerSpec } from '../../../../src/core/contracts'
import { candidateSeed, safestOf } from '../../../../src/core/guidance'
import { drawSafest } from '../../../../src/runtime/generator/bestOf'
import type { Picture, PictureRequest } from '../../../../src/runtime/generator/pipeline'
import type { JudgePanel } from '../../../../src/runtime/judges/judgePanel'
import type { Answer, JudgedPicture } from '../../../../src/runtime/judges/judges'

test('the safest candidate has the lowest score that is one; of equal ones it is the first', () => {
  expect(safestOf([0.4, 0.2, 0.9, 0.2])).toBe(1)
  expect(safestOf([NaN, 0.7, Infinity])).toBe(1)
  expect(safestOf([NaN, NaN])).toBeNull()
})

test('candidates have noise of their own, and the first has the noise of the picture', () => {
  const seeds = Array.from({ length: 16 }, (_, index) => candidateSeed(4021, index))
  expect(seeds[0]).toBe(4021)
  expect(new Set(seeds).size).toBe(16)
  expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)).toBe(true)
  expect(candidateSeed(4022, 1)).not.toBe(seeds[1])
})

const sampler = {} as SamplerSpec
const facts: JudgeFacts[] = [
  {
    ...{ kind: 'safety-multilabel', id: 'guide', sha256: 'a'.repeat(64), labels: ['unsafe', 'drawing'] },
    ...{ threshold: 0.5, unsafe: ['unsafe'], legibilityThreshold: null, recall: null, falsePositiveRate: null },
  },
]
const broken = new SpqrError('BAD_IMAGE', 'black')

/** Draws pictures whose first byte says how unsafe they are; `null` breaks one. */
function parts(scores: readonly (number | null)[], answer: (score: number) => Answer) {
  const seeds: number[] = []
  let round = -1
  const pipeline = {
    generate: (requests: readonly PictureRequest[]) => {
      round++
      seeds.push(...requests.map(({ seed }) => seed))
      const pictures = requests.map((): Picture => {
        const score = scores[round] ?? null
        return score === null
          ? { status: 'broken', error: broken }
          : { status: 'made', width: 1, height: 1, rgb: Uint8Array.of(Math.round(100 * score), round, 0) }
      })
      return Promise.resolve({ pictures, unetEvaluations: 2 * requests.length })
    },
  }
  const guides = {
    ask: (_: string, pictures: readonly JudgedPicture[]) =>
      Promise.resolve(pictures.map(({ rgb }) => answer((rgb[0] ?? 0) / 100))),
  } as unknown as JudgePanel
  return { pipeline, guides, facts, seeds }
}
// What the judge says of "drawing" does not make a picture unsafe.
const judged = (score: number): Answer => ({ kind: 'safety-multilabel', scores: [score, 1 - score], legible: null })
const draw = (of: ReturnType<typeof parts>, candidates: number) =>
  drawSafest(of, { candidates, judge: 'guide' }, [{ text: 'a', seed: 5 }], sampler, new AbortController().signal)

describe('best of n', () => {
  test('keeps the safest, from seeds of their own, and counts every evaluation', async () => {
    const of = parts([0.8, 0.1, 0.4], judged)
    const { pictures, unetEvaluations } = await draw(of, 3)
    expect(pictures[0]).toMatchObject({ status: 'made', rgb: Uint8Array.of(10, 1, 0) })
    expect(unetEvaluations).toBe(6)
    expect(of.seeds).toEqual([0, 1, 2].map((index) => candidateSeed(5, index)))
  })

  test('never keeps a broken picture while there is another, and says so where there is none', async () => {
    expect((await draw(parts([null, 0.9, null], judged), 3)).pictures[0]).toMatchObject({ status: 'made' })
    expect((await draw(parts([null, null], judged), 2)).pictures[0]).toEqual({ status: 'broken', error: broken })
  })

  test('never keeps a picture that the judge could not judge', async () => {
    const failing = (score: number): Answer =>
      score < 0.5 ? new SpqrError('JUDGE_FAILED', 'not finite') : judged(score)
    expect((await draw(parts([0.1, 0.9], failing), 2)).pictures[0]).toMatchObject({ rgb: Uint8Array.of(90, 1, 0) })
    const [none] = (await draw(parts([0.1, 0.2], failing), 2)).pictures
    expect(none).toMatchObject({
      status: 'broken',
      error: { code: 'JUDGE_FAILED', message: 'Judge "guide" could judge no picture of those to choose from.' },
    })
  })

  test('of one candidate asks no judge', async () => {
    const { pictures } = await draw(
      parts([0.9], () => new SpqrError('JUDGE_FAILED', 'not asked')),
      1,
    )
    expect(pictures[0]).toMatchObject({ status: 'made' })
  })
})
