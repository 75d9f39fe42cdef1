import { expect, test, vi } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { Thresholds } from '../../../../src/state/report/thresholds.svelte'
import { desk, scored } from './scored'

test('one scoring at a time, and the latest wish wins', async () => {
  const { exhibit, services, asked, at } = desk()
  const thresholds = new Thresholds(services, exhibit)
  for (const value of [0.6, 0.7, 0.9]) thresholds.try('judge-a', value)
  expect(asked).toHaveLength(1)
  at(0).finish()
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  expect(at(1).preset).toMatchObject({ name: 'custom', thresholds: { 'judge-a': 0.9 } })
  at(1).finish()
  await vi.waitFor(() => expect(thresholds.report?.spec.scoring.thresholds).toEqual({ 'judge-a': 0.9 }))
  expect(asked).toHaveLength(2)
})

test('what is tried on one run is not shown beside another', async () => {
  const { exhibit, services, at } = desk()
  const thresholds = new Thresholds(services, exhibit)
  thresholds.try('judge-a', 0.9)
  at(0).finish()
  await vi.waitFor(() => expect(thresholds.report).not.toBeNull())
  const other = scored()
  exhibit.show({ ...other, record: { ...other.record } }, { kind: 'link' }, null)
  expect([thresholds.report, thresholds.changed, thresholds.at('judge-a')]).toEqual([null, false, 0.5])
})

test('kept, the whole report has the tried thresholds; undone, the run has its own again', async () => {
  const { exhibit, services, at } = desk()
  const thresholds = new Thresholds(services, exhibit)
  thresholds.try('judge-a', 0.9)
  thresholds.undo()
  expect([thresholds.at('judge-a'), thresholds.changed]).toEqual([0.5, false])
  at(0).fail(new SpqrError('WORKER_CRASHED', 'The statistics worker stopped.'))
  await vi.waitFor(() => expect(thresholds.problem).toBe('The statistics worker stopped.'))
  thresholds.try('judge-a', 0.8)
  at(1).finish()
  await vi.waitFor(() => expect(thresholds.report).not.toBeNull())
  thresholds.keep()
  expect(exhibit.report?.spec.scoring.thresholds).toEqual({ 'judge-a': 0.8 })
  expect([thresholds.changed, thresholds.problem, thresholds.at('judge-a')]).toEqual([false, null, 0.8])
})
