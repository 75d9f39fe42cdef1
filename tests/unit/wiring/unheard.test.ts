import { expect, test } from 'vitest'
import type { EngineEvent } from '../../../src/core/contracts'
import { Unheard } from '../../../src/wiring/unheard'

const warning = (message: string): EngineEvent => ({ type: 'warning', code: 'STORAGE_FULL', message })

test('a warning that nobody heard is told once, to the next who holds the engine', async () => {
  const unheard = new Unheard()
  const first: EngineEvent[] = []
  const next: EngineEvent[] = []
  unheard.hear(warning('opening'))
  unheard.hear({ type: 'phase', phase: 'ready', what: 'base' })
  await unheard.during(
    (event) => first.push(event),
    async () => unheard.hear(warning('while a run waits')),
  )
  expect(first).toEqual([warning('opening'), warning('while a run waits')])
  const failed = unheard.during(
    (event) => next.push(event),
    () => Promise.reject(new Error('ended')),
  )
  await expect(failed).rejects.toThrow('ended')
  expect(next).toEqual([])
  unheard.hear(warning('later'))
  await unheard.during(
    (event) => next.push(event),
    async () => undefined,
  )
  expect([first.length, next]).toEqual([2, [warning('later')]])
})
