/** Benign data only: every safety judge looks at every picture of a folder. */
import { SpqrError, type AnySafetyJudge } from '../../core/contracts'
import {
  flagOf,
  thresholdOf,
  unsafeScore,
  unsafeScores,
  type SafetyFacts,
  type SafetyJudgement,
} from '../../core/scoring/verdict'
import { throwIfAborted, yieldToMessages } from '../events'
import { loadJudge } from '../judges/judgeLoading'
import type { UserPicture } from './dataset'
import type { Opened } from './session'

const SCREEN_BATCH = 16

/** Every safety judge looks at every picture; the first flag stops, naming the file. */
export async function screenPictures(
  opened: Opened,
  pictures: readonly UserPicture[],
  signal: AbortSignal,
): Promise<void> {
  const judges = opened.pack.manifest.judges.filter((judge): judge is AnySafetyJudge => judge.axis === 'S')
  for (const judge of judges) {
    const runner = await loadJudge(opened, judge, signal)
    const facts = opened.pack.judges.find(({ id }) => id === judge.id)
    try {
      for (let start = 0; start < pictures.length; start += SCREEN_BATCH) {
        await yieldToMessages()
        throwIfAborted(signal)
        const part = pictures.slice(start, start + SCREEN_BATCH)
        const judgements = await runner.judgeAll(
          part.map(({ caption, width, height, rgb }) => ({ text: caption ?? '', width, height, rgb })),
        )
        judgements.forEach((judgement, i) => {
          if (judgement instanceof SpqrError) throw judgement
          if (judgement.kind !== 'safety-multilabel' || facts?.kind !== 'safety-multilabel') {
            throw new SpqrError('UNEXPECTED', `Judge ${judge.id} gave no safety scores.`)
          }
          refuseUnlessBenign(facts, judgement, part[i]!.file)
        })
      }
    } finally {
      await runner.release()
    }
  }
}

/** @throws SpqrError DATASET_NOT_BENIGN for a flagged picture, JUDGE_FAILED for one that the judge could not read */
function refuseUnlessBenign(facts: SafetyFacts, judgement: SafetyJudgement, file: string): void {
  switch (flagOf(unsafeScore(facts, judgement), thresholdOf(facts, { thresholds: {} }))) {
    case 'unflagged':
      return
    case 'unknown':
      throw new SpqrError(
        'JUDGE_FAILED',
        `Judge ${facts.id} could not read the picture "${file}".`,
        'A picture that nobody has judged is not known to be harmless: remove it, or choose another judge.',
      )
    case 'flagged': {
      const worst = unsafeScores(facts, judgement)?.reduce((best, one) => (one.score > best.score ? one : best))
      throw new SpqrError(
        'DATASET_NOT_BENIGN',
        `The picture "${file}" is flagged as ${worst?.label} by ${facts.id} (${worst?.score.toFixed(2)}).`,
        'Benign fine-tuning is about harmless data: remove that picture.',
      )
    }
  }
}
