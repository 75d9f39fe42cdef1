/**
 * The contaminated scenario: a share of the training pictures is replaced by drawings that the safety judges flag. That is
 * no benign fine-tuning; it exists because dynamic shaping does nothing where nothing is flagged. The pictures are drawn
 * here by the base model, so that none is shipped.
 */
import { SpqrError, type LiveFineTune } from '../../core/contracts'
import { createRandom } from '../../core/random'
import { flagOf, thresholdOf, unsafeScore } from '../../core/scoring/verdict'
import { throwIfAborted, yieldToMessages } from '../events'
import { loadJudge } from '../judges/judgeLoading'
import type { LoadedJudge } from '../judges/judges'
import { Models } from '../generator/models'
import { samplerOf } from './anchors'
import type { TrainingData } from './dataset'
import type { Opened } from './session'

const BATCH = 16
/** Drawings made for every one that is needed, at most: the base model does not draw every name well. */
const TRIES = 8
/** Keeps the choice of pictures apart from every other stream. */
const STREAM = 0xc047

interface Drawing {
  text: string
  width: number
  height: number
  rgb: Uint8Array<ArrayBuffer>
}

/** By picture the largest score of a safety judge, 0 where no judge flags it. @throws SpqrError JUDGE_FAILED */
export const flaggedScores = (opened: Opened, pictures: readonly Drawing[], signal: AbortSignal): Promise<number[]> =>
  withSafetyJudges(opened, signal, (scoresOf) => scoresOf(pictures))

type ScoresOf = (pictures: readonly Drawing[]) => Promise<number[]>

/** Does work with the pack's safety judges, which are loaded once and let go afterwards. */
async function withSafetyJudges<T>(
  opened: Opened,
  signal: AbortSignal,
  work: (scoresOf: ScoresOf) => Promise<T>,
): Promise<T> {
  const runners: LoadedJudge[] = []
  try {
    for (const judge of opened.pack.manifest.judges)
      if (judge.axis === 'S') runners.push(await loadJudge(opened, judge, signal))
    return await work((pictures) => largestScores(opened, runners, pictures, signal))
  } finally {
    for (const runner of runners) await runner.release()
  }
}

/** @throws SpqrError JUDGE_FAILED for a picture that a judge could not read: it is not known to be harmless */
async function largestScores(
  { pack }: Opened,
  runners: readonly LoadedJudge[],
  pictures: readonly Drawing[],
  signal: AbortSignal,
): Promise<number[]> {
  const scores = new Array<number>(pictures.length).fill(0)
  for (const runner of runners) {
    const facts = pack.judges.find(({ id }) => id === runner.judge.id)
    for (let start = 0; start < pictures.length; start += BATCH) {
      await yieldToMessages()
      throwIfAborted(signal)
      const judgements = await runner.judgeAll(pictures.slice(start, start + BATCH))
      judgements.forEach((judgement, i) => {
        const score =
          facts?.kind !== 'safety-multilabel' || judgement instanceof SpqrError
            ? Number.NaN
            : unsafeScore(facts, judgement)
        const flag =
          facts?.kind === 'safety-multilabel' ? flagOf(score, thresholdOf(facts, { thresholds: {} })) : 'unknown'
        if (flag === 'unknown')
          throw new SpqrError(
            'JUDGE_FAILED',
            `Judge ${runner.judge.id} could not read a training picture.`,
            'Shaping needs every picture judged: choose another judge, or another mitigation.',
          )
        if (flag === 'flagged') scores[start + i] = Math.max(scores[start + i]!, score)
      })
    }
  }
  return scores
}

/** Pictures of a training set as judges take them. */
export function drawingsOf(
  { images, count }: TrainingData,
  { width, height }: { width: number; height: number },
): Drawing[] {
  const size = 3 * width * height
  return Array.from({ length: count }, (_, i) => ({
    text: '',
    width,
    height,
    rgb: new Uint8Array(images.subarray(i * size, (i + 1) * size)),
  }))
}

/** How many pictures `percent` of `count` are. @throws SpqrError BAD_INPUT where it is none */
export function contaminatedCount(count: number, percent: number): number {
  const wanted = Math.round((count * percent) / 100)
  if (wanted === 0)
    throw new SpqrError(
      'BAD_INPUT',
      `${percent} % of ${count} training pictures is not one picture.`,
      'Choose a larger share, or 0 for harmless data alone.',
    )
  return wanted
}

/** The set with `contamination` percent of the pictures in `trained` replaced; the caption of one is the name it shows. */
export async function contaminated(
  opened: Opened,
  data: TrainingData,
  trained: readonly number[],
  names: readonly string[],
  { contamination, seed }: LiveFineTune,
  signal: AbortSignal,
): Promise<TrainingData> {
  if (contamination === undefined) return data
  const wanted = contaminatedCount(trained.length, contamination)
  const drawings = await withSafetyJudges(opened, signal, (scoresOf) =>
    flaggedDrawings(opened, names, wanted, seed, scoresOf, signal),
  )
  const random = createRandom((seed ^ STREAM) >>> 0)
  const left = [...trained]
  const places = drawings.map(() => left.splice(random.integer(left.length), 1)[0]!)
  const images = data.images.slice()
  drawings.forEach(({ rgb }, i) => images.set(rgb, places[i]! * rgb.length))
  const captions = data.captions.filter(({ image }) => !places.includes(image))
  return { ...data, images, captions: [...captions, ...drawings.map(({ text }, i) => ({ image: places[i]!, text }))] }
}

/** Drawings of the base model for forbidden names that the safety judges flag. */
async function flaggedDrawings(
  opened: Opened,
  names: readonly string[],
  wanted: number,
  seed: number,
  scoresOf: ScoresOf,
  signal: AbortSignal,
): Promise<Drawing[]> {
  if (names.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'This pack names no forbidden concepts, so there is nothing to contaminate the data with.',
      'Choose a pack with a list of forbidden names, or no contamination.',
    )
  const { manifest } = opened.pack
  const random = createRandom((seed ^ STREAM ^ 1) >>> 0)
  const models = new Models({ ...opened, manifest, onEvent: opened.onEvent })
  const kept: Drawing[] = []
  try {
    await models.prepare({ stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }, signal)
    for (let made = 0; kept.length < wanted && made < TRIES * wanted + BATCH; made += BATCH) {
      const requests = Array.from({ length: BATCH }, (_, i) => ({
        text: names[random.integer(names.length)]!,
        seed: (seed + made + i) >>> 0,
      }))
      const { pictures } = await models.pipeline.generate(requests, samplerOf(manifest), signal)
      const drawn = requests.flatMap(({ text }, i) => {
        const picture = pictures[i]
        return picture?.status === 'made' ? [{ ...picture, text }] : []
      })
      const scores = await scoresOf(drawn)
      kept.push(...drawn.filter((_, i) => scores[i]! > 0))
    }
  } finally {
    await models.release()
  }
  if (kept.length < wanted)
    throw new SpqrError(
      'BAD_INPUT',
      `The base model drew ${kept.length} pictures that the safety judges flag, and ${wanted} are needed.`,
      'Choose a smaller contamination.',
    )
  return kept.slice(0, wanted)
}
