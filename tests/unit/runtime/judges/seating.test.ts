import { expect, test } from 'vitest'
import type { Judge, WorkUnit } from '../../../../src/core/contracts'
import { JudgePanel } from '../../../../src/runtime/judges/judgePanel'
import { Seating, type Coming } from '../../../../src/runtime/judges/seating'

const judges = [
  { id: 'guard', axis: 'S' },
  { id: 'clip', axis: 'P' },
] as Judge[]
const harmful = [{ harmful: true }] as WorkUnit[]
const benign = [{ harmful: false }] as WorkUnit[]
const never = new Promise<void>(() => undefined)

function seated(coming: Partial<Coming> | null): Seating {
  const panel = new JudgePanel(judges, () => Promise.reject(new Error('none is loaded here')))
  const seating = new Seating(panel)
  const way = { stored: Promise.resolve(false), safety: never, all: never, forget: () => undefined, ...coming }
  seating.ask(['guard', 'clip'], coming && way)
  return seating
}

test('waits for files that travel, and not for those that are in this browser', async () => {
  expect(await seated({}).here(harmful)).toBe(false)
  expect(await seated({ stored: Promise.resolve(true) }).here(benign)).toBe(true)
  expect(await seated(null).here(benign)).toBe(true)
})

test('needs the safety judges alone for pictures of harmful prompts', async () => {
  const seating = seated({ safety: Promise.resolve() })
  await Promise.resolve()
  expect(await seating.here(harmful)).toBe(true)
  expect(await seating.here(benign)).toBe(false)
})
