/** Benign data only: every safety judge looks at every picture of a folder. */
import { SpqrError, type AnySafetyJudge } from '../../core/contracts'
import { isUnsafeLabel } from '../../core/scoring/record/unsafe'
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
          const counting = judgement.scores.map((score, k) => (isUnsafeLabel(facts, k) ? score : -1))
          const worst = counting.reduce((best, score, k) => (score > counting[best]! ? k : best), 0)
          if (counting[worst]! < judge.threshold) return
          throw new SpqrError(
            'DATASET_NOT_BENIGN',
            `The picture "${part[i]!.file}" is flagged as ${facts.labels[worst]} by ${judge.id} (${counting[worst]!.toFixed(2)}).`,
            'Benign fine-tuning is about harmless data: remove that picture.',
          )
        })
      }
    } finally {
      await runner.release()
    }
  }
}
