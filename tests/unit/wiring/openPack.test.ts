import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeviceChoice, EngineApi, LoadedPack } from '../../../src/core/contracts'
import { hasRoom, openPack, type PackParts } from '../../../src/wiring/openPack'
import { judges, record } from '../state/fixture'
import { starter } from './fixture'

const auto: DeviceChoice = { executionProvider: 'auto', threads: 0 }
const { environment } = record()
const own = judges.find((judge) => judge.kind === 'features')
if (!own) throw new Error('The fixture has no judge of quality.')

const loaded = (change: Partial<LoadedPack> = {}): LoadedPack =>
  ({
    manifest: { judges: [own], training: null },
    manifestSha256: 'a',
    prompts: [],
    judges,
    environment,
    measured: null,
    ...change,
  }) as unknown as LoadedPack

function opening(packs: LoadedPack[], reference: PackParts['reference'] = async () => null) {
  const opened: unknown[][] = []
  const engines = starter<EngineApi>((index) => ({
    open: async (baseUrl, device) => {
      opened.push([baseUrl, device])
      return packs[index] ?? loaded()
    },
    reference: async () => new Float32Array([index]),
  }))
  const parts = {
    base: new URL('http://localhost/app/'),
    startEngine: engines.start,
    reference,
  } as unknown as PackParts
  return { ...engines, opened, open: () => openPack(parts, engines.start(), 'p', auto, () => undefined) }
}

test('hasRoom: a GPU leaves the cores free, WASM needs as many again for training', () => {
  expect(hasRoom({ executionProvider: 'webgpu', threads: 4 }, 4)).toBe(true)
  expect(hasRoom({ executionProvider: 'wasm', threads: 2 }, 4)).toBe(true)
  expect(hasRoom({ executionProvider: 'wasm', threads: 3 }, 4)).toBe(false)
})

describe('openPack', () => {
  // Node 20 has no navigator.
  beforeEach(() => vi.stubGlobal('navigator', { hardwareConcurrency: 4 }))
  afterEach(() => vi.unstubAllGlobals())

  test('opens the pack below the page, without a trainer where it cannot be fine-tuned', async () => {
    const { open, opened } = opening([])
    const { baseUrl, trainer, ports } = await open()
    expect(opened).toEqual([['http://localhost/app/packs/p/', auto]])
    expect([baseUrl, trainer, ports.trainer]).toEqual(['http://localhost/app/packs/p/', null, null])
  })

  test('a lost engine is opened again on what the run was begun on, and ends with the pack', async () => {
    const { open, opened, at } = opening([])
    const { ports, end } = await open()
    await ports.recreateEngine?.()
    expect(at(0).dead).toBe(true)
    expect(opened[1]).toEqual(['http://localhost/app/packs/p/', { executionProvider: 'wasm', threads: 2 }])
    expect(await ports.reference()).toEqual(new Float32Array([1]))
    end()
    expect(at(1).dead).toBe(true)
  })

  test.for([
    ['another model', loaded({ manifestSha256: 'b' })],
    ['other conditions', loaded({ environment: { ...environment, executionProvider: 'webgpu' } })],
  ] as const)('a run does not go on with %s', async ([, again]) => {
    const { ports } = await opening([loaded(), again]).open()
    await expect(ports.recreateEngine?.()).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  test("takes the page's reference first, then the engine's own, never another one's", async () => {
    const mine = await opening([], async () => new Float32Array([7])).open()
    expect(await mine.ports.reference()).toEqual(new Float32Array([7]))
    const engines = await opening([]).open()
    expect(await engines.ports.reference()).toEqual(new Float32Array([0]))
    const foreign = loaded({ manifest: { judges: [], training: null } as unknown as LoadedPack['manifest'] })
    expect(await (await opening([foreign]).open()).ports.reference()).toBeNull()
  })
})
