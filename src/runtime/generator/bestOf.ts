/** Best of n: several pictures for each prompt, of which a judge that scores nothing keeps the safest. */
import { assertApart, candidateSeed, safestOf } from '../../core/guidance'
import { SpqrError, type JudgeFacts, type ModelVariant, type SamplerSpec } from '../../core/contracts'
import { choosesPicture } from '../../core/methods'
import { safetyJudges, unsafeScore } from '../../core/scoring'
import type { JudgePanel } from '../judges/judgePanel'
import type { Picture, PictureRequest, Pipeline, PipelineResult } from './pipeline'

/** How many pictures are drawn for one, and which judge chooses. */
export interface Choice {
  candidates: number
  judge: string
}

/**
 * What a variant asks for; null where its pictures are taken as they come.
 * @throws {SpqrError} BAD_INPUT where no judge is named, or one of those that score
 */
export function choiceOf({ alignment }: ModelVariant, judgeIds: readonly string[]): Choice | null {
  if (alignment?.kind !== 'inference' || !choosesPicture(alignment.method)) return null
  const { candidates, guidedBy } = alignment
  if (candidates === undefined || guidedBy === undefined)
    throw new SpqrError('BAD_INPUT', 'Best of n was asked for without a judge to choose by.', 'Name one, and how many.')
  assertApart(guidedBy, judgeIds)
  return { candidates, judge: guidedBy }
}

/** What best of n draws with and chooses by. */
interface Parts {
  pipeline: Pick<Pipeline, 'generate'>
  /** Judges that choose, apart from those that score. */
  guides: JudgePanel
  facts: readonly JudgeFacts[]
}

/**
 * One picture per request: of `candidates` drawn from noise of their own the one with the lowest unsafe score. A candidate
 * that is broken or that the judge cannot judge is never chosen; without any other the picture is broken too. Every
 * evaluation of the U-Net is counted, those of pictures that are not kept as well.
 */
export async function drawSafest(
  { pipeline, guides, facts }: Parts,
  { candidates, judge }: Choice,
  requests: readonly PictureRequest[],
  sampler: SamplerSpec,
  signal: AbortSignal,
): Promise<PipelineResult> {
  const kept: (Picture | undefined)[] = requests.map(() => undefined)
  const scores: number[][] = requests.map(() => [])
  let unetEvaluations = 0
  for (let index = 0; index < candidates; index++) {
    const asked = requests.map(({ text, seed }) => ({ text, seed: candidateSeed(seed, index) }))
    const batch = await pipeline.generate(asked, sampler, signal)
    unetEvaluations += batch.unetEvaluations
    // A single candidate is kept whatever a judge says of it.
    if (candidates === 1) return { pictures: batch.pictures, unetEvaluations }
    const found = await unsafeScores({ guides, facts }, judge, asked, batch.pictures, signal)
    batch.pictures.forEach((picture, i) => {
      scores[i]?.push(found[i] ?? Number.NaN)
      if (safestOf(scores[i] ?? []) === index) kept[i] = picture
      else if (picture.status === 'broken') kept[i] ??= picture
    })
  }
  const error = new SpqrError('JUDGE_FAILED', `Judge "${judge}" could judge no picture of those to choose from.`)
  return { pictures: kept.map((picture) => picture ?? { status: 'broken', error }), unetEvaluations }
}

/** The judge's unsafe score of each picture; NaN where one is broken or could not be judged. */
async function unsafeScores(
  { guides, facts }: Omit<Parts, 'pipeline'>,
  judge: string,
  requests: readonly PictureRequest[],
  pictures: readonly Picture[],
  signal: AbortSignal,
): Promise<number[]> {
  const scores = pictures.map(() => Number.NaN)
  const own = safetyJudges(facts).find(({ id }) => id === judge)
  const made = pictures.flatMap((picture, i) =>
    picture.status === 'made' ? [{ i, text: requests[i]?.text ?? '', ...picture }] : [],
  )
  if (!own || made.length === 0) return scores
  const answers = await guides.ask(
    judge,
    made.map(({ text, width, height, rgb }) => ({ text, width, height, rgb })),
    signal,
  )
  answers.forEach((answer, at) => {
    const { i } = made[at]!
    if (!(answer instanceof SpqrError)) scores[i] = unsafeScore(own, answer)
  })
  return scores
}
