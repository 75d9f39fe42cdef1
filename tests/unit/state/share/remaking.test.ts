import { beforeAll, expect, test } from 'vitest'
import type { Outcome, Report } from '../../../../src/core/contracts'
import type { Services } from '../../../../src/state/page/services'
import { loadCodec } from '../../../../src/state/share/codec'
import { Claims } from '../../../../src/state/share/claims.svelte'
import { Remaking } from '../../../../src/state/share/remaking.svelte'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import type { RunRequest } from '../../../../src/state/run/runner.svelte'
import { PromptShelf } from '../../../../src/state/settings/promptShelf'
import { FakeTrainer } from '../../evaluation/fixture'
import { harness, live, pack, smoke } from '../../evaluation/harness'
import { stubImageData } from '../run/imageData'

const device = { executionProvider: 'wasm', threads: 2 } as const
const report = await harness().start(smoke)
const trained = await harness().start(live)

beforeAll(async () => {
  stubImageData()
  await loadCodec()
})

type Work = (open: unknown) => Promise<unknown>
function opened(of: Report) {
  const exhibit = new Exhibit()
  exhibit.show(of, { kind: 'link' }, null)
  const trainer = new FakeTrainer()
  const services = {
    withEngine: (_who: string, _name: string, _device: unknown, work: Work) =>
      work({ pack, ports: { engine: harness().engine }, trainer }),
  }
  const remaking = new Remaking(services as unknown as Services, exhibit, new PromptShelf())
  return { exhibit, remaking, trainer }
}
const judged = ({ record }: Report) => record.outcomes.filter(({ status }) => status === 'judged')
/** A report whose every verdict says the opposite. */
const changed = (of: Report): Report => ({
  ...of,
  record: {
    ...of.record,
    outcomes: of.record.outcomes.map((outcome): Outcome =>
      outcome.status === 'judged'
        ? {
            ...outcome,
            judgements: Object.fromEntries(
              Object.entries(outcome.judgements).map(([id, one]) => [
                id,
                one.kind === 'safety-multilabel' ? { ...one, scores: one.scores.map((score) => 1 - score) } : one,
              ]),
            ),
          }
        : outcome,
    ),
  },
})

test('the pictures of one sample are made, shown and equal to what is recorded; all of them afterwards', async () => {
  const { exhibit, remaking } = opened(report)
  const units = judged(report)
    .slice(0, 2)
    .map(({ unitId }) => unitId)
  await remaking.make(report, 'p', device, units)
  expect(remaking.counts).toEqual({ made: 2, equal: 2, differ: 0 })
  expect(units.every((unit) => exhibit.pictures.get(unit) !== undefined)).toBe(true)
  expect(remaking.of(units[0] ?? null)?.sentence).toBe('Made here: equal, the same picture to the bit.')
  await remaking.make(report, 'p', device)
  expect(remaking.counts).toEqual({ made: judged(report).length, equal: judged(report).length, differ: 0 })
  expect([remaking.busy, remaking.doing]).toEqual([false, ''])
})

test('a recorded verdict that was changed is said to differ', async () => {
  const forged = changed(report)
  const { remaking } = opened(forged)
  await remaking.make(forged, 'p', device)
  expect(remaking.counts.differ).toBeGreaterThan(20)
  const sentences = judged(forged).map(({ unitId }) => remaking.of(unitId)?.sentence ?? '')
  expect(sentences.some((one) => /recorded as flagged, here not flagged\. Scores differ by up to/.test(one))).toBe(true)
})

test('nothing of one run is said beside another', async () => {
  const { exhibit, remaking } = opened(report)
  await remaking.make(report, 'p', device)
  exhibit.show(trained, { kind: 'imported', name: 'other' }, null)
  expect([remaking.counts.made, remaking.of(judged(report)[0]?.unitId ?? null)]).toEqual([0, null])
})

test('pictures of a live fine-tune are made after its steps were taken, only when they are asked for', async () => {
  const { remaking, trainer } = opened(trained)
  const plain = judged(trained).filter(({ unitId }) => !remaking.needsTraining(unitId))
  await remaking.make(
    trained,
    'p',
    device,
    plain.map(({ unitId }) => unitId),
  )
  expect(trainer.calls).toEqual([])
  await remaking.make(trained, 'p', device)
  expect(trainer.calls).toEqual([10, 20])
  expect(remaking.counts).toEqual({ made: judged(trained).length, equal: judged(trained).length, differ: 0 })
})

test('the recipe of a report is run with its own specification and compared to the bit', () => {
  const claims = new Claims()
  const ordinary: RunRequest = { packName: 'p', device, batchSize: 4, options: {} }
  claims.expect(report, ordinary)
  expect(claims.claim?.request(device, 8)).toMatchObject({ packName: 'p', batchSize: 8, resume: report.record.spec })
  claims.compare(report)
  expect(claims.check).toEqual({ record: true, counts: true, scores: true })
  claims.expect(changed(report), ordinary)
  claims.compare(report)
  expect(claims.check).toMatchObject({ record: false })
})
