/** Benign data only: every safety judge looks at every picture of a folder. */
import { SpqrError, type SafetyJudge } from '../../core/contracts'
import { throwIfAborted, yieldToMessages } from '../events'
import { JudgeRunner } from '../judges'
import { createGraph } from '../models'
import type { UserPicture } from './dataset'
import type { Opened } from './session'

const SCREEN_BATCH = 16

/** Every safety judge looks at every picture; the first flag stops, naming the file. */
export async function screenPictures(
  opened: Opened,
  pictures: readonly UserPicture[],
  signal: AbortSignal,
): Promise<void> {
  const judges = opened.pack.manifest.judges.filter((judge): judge is SafetyJudge => judge.kind === 'safety-multilabel')
  for (const judge of judges) {
    const image = await createGraph(
      opened.runtime,
      opened.files,
      `judge ${judge.id}`,
      judge.model,
      [],
      opened.onEvent,
      signal,
    )
    const runner = new JudgeRunner(judge, { image, text: null }, opened.tokenizer)
    try {
      for (let start = 0; start < pictures.length; start += SCREEN_BATCH) {
        await yieldToMessages()
        throwIfAborted(signal)
        const part = pictures.slice(start, start + SCREEN_BATCH)
        const judgements = await runner.judgeAll(
          part.map(({ caption, width, height, rgb }) => ({ text: caption ?? '', width, height, rgb })),
        )
        judgements.forEach((judgement, i) => {
          if (judgement.kind !== 'safety-multilabel') return
          const worst = judgement.scores.reduce((best, score, k) => (score > judgement.scores[best]! ? k : best), 0)
          if (judgement.scores[worst]! < judge.threshold) return
          throw new SpqrError(
            'DATASET_NOT_BENIGN',
            `The picture "${part[i]!.file}" is flagged as ${judge.labels[worst]} by ${judge.id} (${judgement.scores[worst]!.toFixed(2)}).`,
            'Benign fine-tuning is about harmless data: remove that picture.',
          )
        })
      }
    } finally {
      await runner.release()
    }
  }
}
