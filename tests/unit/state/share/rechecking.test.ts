import { expect, test } from 'vitest'
import { SpqrError, type Report } from '../../../../src/core/contracts'
import type { Services } from '../../../../src/state/page/services'
import { Rechecking } from '../../../../src/state/share/rechecking.svelte'
import { PromptShelf } from '../../../../src/state/settings/promptShelf'
import { harness, pack, smoke } from '../../evaluation/harness'

const device = { executionProvider: 'wasm', threads: 2 } as const
const report = await harness().start(smoke)

type Work = (open: unknown) => Promise<unknown>
function rechecking(
  withEngine: (work: Work) => Promise<unknown> = (work) => work({ pack, ports: { engine: harness().engine } }),
) {
  const services = { withEngine: (_who: string, _name: string, _device: unknown, work: Work) => withEngine(work) }
  return new Rechecking(services as unknown as Services, new PromptShelf())
}
const run = (one: Rechecking, of: Report = report) => one.run(of, 'p', device, 3)

test('samples that are made again here come out the same, and that is said', async () => {
  const one = rechecking()
  await run(one)
  expect([one.samples.length, one.busy, one.doing]).toEqual([3, false, ''])
  expect(one.result?.summary).toMatch(/3/)
  one.reset()
  expect([one.samples.length, one.result]).toEqual([0, null])
})

test('a stop is no error and leaves no result; a second start while one goes on does nothing', async () => {
  let opened = 0
  let fail: (error: Error) => void = () => undefined
  const one = rechecking(() => {
    opened += 1
    return new Promise((_, reject) => (fail = reject))
  })
  const running = run(one)
  await run(one)
  expect([opened, one.busy]).toEqual([1, true])
  one.stop()
  fail(new SpqrError('ABORTED', 'The work was stopped.'))
  await running
  expect([one.busy, one.result]).toEqual([false, null])
})

test('what cannot be made here is an error, and the next one can start', async () => {
  const one = rechecking(() => Promise.reject(new SpqrError('DOWNLOAD_FAILED', 'Offline.')))
  await expect(run(one)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
  expect(one.busy).toBe(false)
  const untrained = rechecking((work) => work({ pack, ports: { engine: harness().engine }, trainer: null }))
  await expect(untrained.retrain(report, 'p', 3)).rejects.toThrow('This pack cannot be fine-tuned in the browser.')
})
