/** What is loaded before anybody pressed Run: only what is here, and nothing that was not asked for. */
import { beforeEach, expect, test, vi } from 'vitest'
import type { EngineEvent } from '../../../../src/core/contracts'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import type { Services } from '../../../../src/state/page/services'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { Runner, type RunRequest } from '../../../../src/state/run/runner.svelte'
import { Settings } from '../../../../src/state/settings/settings.svelte'
import { loadedPack } from '../../evaluation/fixture'

const loads = vi.hoisted(() => ({ run: 0 }))
vi.mock('../../../../src/evaluation/run/run', () => {
  loads.run += 1
  return {}
})
vi.stubGlobal('addEventListener', () => undefined)

const large = loadedPack()
const { manifest } = large
const unet = { graph: {}, weights: { bytes: 1000 } } as unknown as typeof manifest.model.unet
const small = { ...large, manifest: { ...manifest, model: { ...manifest.model, unet } } }

const request: RunRequest = { ...new Settings(new PackInfo(), {} as Services).request(), batchSize: 5 }
const { judges } = createRunSpec(request.options, large)

/** What the engine is asked for, with some stages missing; somebody takes the engine once `taken` was loaded. */
function desk({ missing = [] as string[], taken = '' } = {}) {
  const told: string[] = []
  const engineUse = { busy: false }
  const heard: EngineEvent[] = []
  const opened: string[] = []
  const take = (what: string) => {
    told.push(what)
    engineUse.busy = what === taken
  }
  const engine = {
    prepare: async (
      variant: { stage: string },
      with_: unknown,
      onEvent: (event: EngineEvent) => void,
      later: boolean,
    ) => {
      expect([with_, later]).toEqual([judges, true])
      onEvent({ type: 'warning', code: 'CACHE_CORRUPT', message: variant.stage })
      take(variant.stage)
    },
    seat: async () => take('judges'),
  }
  const services = {
    engineUse,
    isStored: async (_pack: unknown, { stage }: { stage: string }) => !missing.includes(stage),
    warm: async (name: string, _device: unknown, work: (...given: unknown[]) => Promise<void>) => {
      opened.push(name)
      await work({ ports: { engine } }, (event: EngineEvent) => heard.push(event))
    },
  }
  return { told, heard, opened, one: new Runner(services as unknown as Services, new Exhibit()) }
}

beforeEach(() => (loads.run = 0))

test('with nothing of the base or its judges stored, neither the engine nor the code of a run is loaded', async () => {
  const { one, opened } = desk({ missing: ['base'] })
  expect(await one.warm(request, small, true)).toBe(false)
  expect(await one.warm(request, null, true)).toBe(false)
  expect(opened).toEqual([])
  expect(loads.run).toBe(0)
})

test('a hand on the button loads the base and the judges, of a large model too', async () => {
  const { one, told, opened } = desk()
  expect(await one.warm(request, large)).toBe(true)
  expect(told).toEqual(['base', 'judges'])
  expect(opened).toEqual([request.packName])
  await vi.waitFor(() => expect(loads.run).toBe(1))
})

test('at rest all stages of a small model are loaded, and nothing of a large one', async () => {
  const { one, told, opened } = desk()
  expect(await one.warm(request, large, true)).toBe(false)
  expect(opened).toEqual([])
  expect(await one.warm(request, small, true)).toBe(true)
  expect(told).toEqual(['base', 'judges', 'aligned', 'fine-tuned'])
})

test('a stage with a missing file is left out, and then not all is loaded', async () => {
  const { one, told } = desk({ missing: ['aligned'] })
  expect(await one.warm(request, small, true)).toBe(false)
  expect(told).toEqual(['base', 'judges', 'fine-tuned'])
})

test('it makes way for whoever takes the engine', async () => {
  const { one, told } = desk({ taken: 'aligned' })
  expect(await one.warm(request, small, true)).toBe(false)
  expect(told).toEqual(['base', 'judges', 'aligned'])
})

test('what the engine warns of is handed on', async () => {
  const { one, heard } = desk()
  await one.warm(request, small, true)
  expect(heard.map((event) => 'message' in event && event.message)).toEqual(['base', 'aligned', 'fine-tuned'])
})

test('published models and judges of elsewhere are left alone', async () => {
  const { one, opened } = desk()
  const chosen = (device: object) => ({ ...request, device: { ...request.device, ...device } }) as RunRequest
  expect(await one.warm(chosen({ model: {} }), small)).toBe(false)
  expect(await one.warm(chosen({ judges: [{}] }), small)).toBe(false)
  expect(opened).toEqual([])
})
