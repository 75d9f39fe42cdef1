import { expect, test } from 'vitest'
import { EngineUse } from '../../../../src/state/run/engineUse.svelte'

test('one user of the engine at a time; the second is told who has it, and a failure frees it', async () => {
  const use = new EngineUse()
  let stop: (reason: Error) => void = () => undefined
  const first = use.during(
    'a run',
    () =>
      new Promise<void>((_, reject) => {
        stop = reject
      }),
  )
  expect(use.busy).toBe(true)
  await expect(use.during('saving', () => Promise.resolve(1))).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: 'The model is busy with a run.',
  })
  stop(new Error('stopped'))
  await expect(first).rejects.toThrow('stopped')
  expect(use.busy).toBe(false)
  expect(await use.during('saving', () => Promise.resolve(1))).toBe(1)
})
