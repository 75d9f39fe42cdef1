import { describe, expect, test } from 'vitest'
import { SpqrError, type RunRecord } from '../../../../src/core/contracts'
import { retrain, type RetrainEvent } from '../../../../src/evaluation/run/retrain'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { FakeEngine, FakeTrainer } from '../fixture'
import { harness, pack } from '../harness'

const never = new AbortController().signal

async function liveRecord(train: 'lite' | 'none' = 'lite'): Promise<RunRecord> {
  const checkpoints = train === 'none' ? [] : [10]
  const spec = createRunSpec({ preset: 'smoke', train, 'train-steps': 20, checkpoints }, pack)
  return (await harness().start(spec)).record
}
const again = (
  record: RunRecord,
  trainer = new FakeTrainer(),
  here = pack,
  onEvent: (event: RetrainEvent) => void = () => undefined,
) => retrain(never, new FakeEngine(), trainer, here, record, 6, 1, onEvent)

describe('retrain', () => {
  test('trains to every checkpoint and finds the same weights and pictures', async () => {
    const trainer = new FakeTrainer()
    const events: RetrainEvent[] = []
    const result = await again(await liveRecord(), trainer, pack, (event) => events.push(event))
    expect(trainer.calls).toEqual([10, 20])
    expect(result).toMatchObject({
      identical: true,
      exactExpected: true,
      agrees: true,
      pictures: { identical: 6, agreeing: 6 },
    })
    expect(result.summary).toBe(
      'After 20 steps the weights are bit-identical to theirs; 6 of 6 pictures have the same scores within 0.02.',
    )
    expect(result.pictures.samples.every(({ unit }) => unit.step === 10 || unit.step === 20)).toBe(true)
    expect(events.filter(({ type }) => type === 'training')).toHaveLength(2)
  })

  test('says so when weights, losses or scores differ', async () => {
    const record = await liveRecord()
    const { training } = record
    const otherBits = { ...record, training: { ...training!, adapterSha256: 'ab'.repeat(32) } }
    expect((await again(otherBits)).summary).toMatch(
      /^After 20 steps the losses differ by at most 0\.0\d* %, though the weights were expected to be bit-identical/,
    )
    const otherDevice = { ...otherBits, environment: { ...record.environment, executionProvider: 'webgpu' as const } }
    expect(await again(otherDevice)).toMatchObject({
      identical: false,
      exactExpected: false,
      agrees: true,
      summary: expect.stringMatching(/need not be the same bits/) as string,
    })
    const otherLosses = {
      ...otherBits,
      training: { ...otherBits.training, losses: training!.losses.map((loss, i) => (i === 7 ? loss * 1.5 : loss)) },
    }
    const wrong = await again(otherLosses)
    expect(wrong.agrees).toBe(false)
    expect(wrong.summary).toMatch(/^The fine-tune did not come out the same: the losses differ by at most 33 %/)
    const lied = {
      ...record,
      outcomes: record.outcomes.map((outcome) =>
        outcome.status === 'judged' && outcome.harmful
          ? {
              ...outcome,
              judgements: {
                ...outcome.judgements,
                'judge-a': { kind: 'safety-multilabel' as const, scores: [0, 0], legible: null },
              },
            }
          : outcome,
      ),
    }
    expect((await again(lied)).agrees).toBe(false)
  })

  test('judges by the pictures alone where the report states no training', async () => {
    const result = await again({ ...(await liveRecord()), training: null })
    expect(result).toMatchObject({ identical: null, lossDifference: null, agrees: true })
    expect(result.summary).toBe(
      'After 20 steps the report states no training to compare; 6 of 6 pictures have the same scores within 0.02.',
    )
  })

  test('refuses what cannot be trained again, and stops when told to', async () => {
    const record = await liveRecord()
    await expect(again(await liveRecord('none'))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/no fine-tune that was trained/) as string,
    })
    await expect(again(record, new FakeTrainer(), { ...pack, manifestSha256: 'ff' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/another version/) as string,
    })
    const gone = new FakeTrainer()
    gone.train = () =>
      Promise.reject(
        new SpqrError(
          'DATASET_INVALID',
          'The training set "mine" is not stored in this browser.',
          'Add the folder again.',
        ),
      )
    await expect(again(record, gone)).rejects.toMatchObject({ code: 'DATASET_INVALID' })
    const controller = new AbortController()
    const stopped = new FakeTrainer()
    stopped.train = () => {
      controller.abort()
      return Promise.reject(new SpqrError('ABORTED', 'The work was stopped.'))
    }
    await expect(
      retrain(controller.signal, new FakeEngine(), stopped, pack, record, 6, 1, () => undefined),
    ).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
