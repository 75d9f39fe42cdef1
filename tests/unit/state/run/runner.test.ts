import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import type { Services } from '../../../../src/state/page/services'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { Runner, type RunRequest } from '../../../../src/state/run/runner.svelte'
import { Settings } from '../../../../src/state/settings/settings.svelte'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import { harness, pack, smoke } from '../../evaluation/harness'
import { stubImageData } from './imageData'

// The page that a run watches being left.
beforeEach(() => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  vi.stubGlobal('dispatchEvent', page.dispatchEvent.bind(page))
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }))
  vi.stubGlobal('navigator', {})
  stubImageData()
})
afterEach(() => vi.unstubAllGlobals())

type Work = (open: unknown) => Promise<unknown>
function runner(opening: () => Promise<void> = async () => undefined) {
  const { ports, store } = harness()
  const services = {
    store,
    engineUse: { busy: false },
    isStored: () => Promise.resolve(true),
    alone: (_id: string, work: () => Promise<unknown>) => work(),
    withEngine: async (_who: string, _name: string, _device: unknown, work: Work) => {
      await opening()
      return work({ pack, ports, trainer: null, baseUrl: '', end: () => undefined })
    },
  } as unknown as Services
  const exhibit = new Exhibit()
  return { exhibit, one: new Runner(services, exhibit), services: services as { warm: unknown } }
}
const request: RunRequest = { ...new Settings(new PackInfo(), {} as Services).request(), batchSize: 5, resume: smoke }

test('a run shows its report as live; the same run again makes nothing and says it is a stored one', async () => {
  const { one, exhibit } = runner()
  const report = await one.run(request)
  expect(report?.counts.done).toBe(smoke.prompts.benign.count + 3 * (smoke.prompts.harmful[0]?.count ?? 0))
  expect([exhibit.report === report, exhibit.origin.kind, one.status]).toEqual([true, 'live', 'idle'])
  await one.run(request)
  expect(exhibit.origin).toEqual({ kind: 'stored', at: report?.createdAt })
})

test('it warms nothing while a run goes on, and meets no error of warming', async () => {
  const { one, services } = runner()
  services.warm = () => Promise.reject(new Error('no network'))
  await expect(one.warm(request, pack)).resolves.toBe(false)
  const asked = vi.fn(async () => undefined)
  services.warm = asked
  const running = one.run(request)
  await one.warm(request, pack)
  await running
  expect(asked).not.toHaveBeenCalled()
})

test('stopped, it returns nothing, keeps what was made, and goes on from there', async () => {
  const { one } = runner()
  let made = 0
  const stopped = await one.run(request, (event) => {
    if (event.type === 'results' && ++made === 1) one.stop()
  })
  expect([stopped, one.status]).toEqual([null, 'idle'])
  let resumed = 0
  const report = await one.run(request, (event) => {
    if (event.type === 'plan') resumed = event.resumed
  })
  expect(resumed).toBeGreaterThan(0)
  expect(report?.counts.done).toBe(report?.counts.planned)
})

test('while one goes on, another does not start; paused, it waits until it is resumed', async () => {
  const { one } = runner()
  const seen: string[] = []
  const report = await one.run(request, (event) => {
    if (event.type === 'results' && seen.length === 0) {
      one.pause()
      seen.push(one.status)
    }
    if (event.type === 'paused') {
      seen.push(one.status)
      void one.run(request).then((second) => {
        seen.push(String(second))
        one.resume()
      })
    }
  })
  expect(seen).toEqual(['pausing', 'paused', 'null'])
  expect(report).not.toBeNull()
})

test('a model that cannot be opened is an error, and the next run can start', async () => {
  let tries = 0
  const { one } = runner(async () => {
    if (++tries === 1) throw new SpqrError('DOWNLOAD_FAILED', 'Offline.')
  })
  await expect(one.run(request)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
  expect(await one.run(request)).not.toBeNull()
})
