import { describe, expect, test } from 'vitest'
import { SpqrError, type DeviceChoice, type EngineApi } from '../../../src/core/contracts'
import type { Connection } from '../../../src/state/page/connect'
import type { OpenPack } from '../../../src/state/page/services'
import { engineLife, type Opening } from '../../../src/wiring/openEngine'
import { fakeConnection, starter } from './fixture'

const device: DeviceChoice = { executionProvider: 'wasm', threads: 2 }
const ignore = () => undefined

/** An opened pack that is only told apart; ending it ends its engine, as in openPack. */
const packOf = (connection: Connection<EngineApi>) =>
  ({ baseUrl: 'pack', end: () => connection.end() }) as unknown as OpenPack

function life(open: Opening = async (connection) => packOf(connection)) {
  const engines = starter<EngineApi>(() => ({}))
  return { ...engines, openEngine: engineLife(engines.start, open) }
}

describe('engineLife', () => {
  test('the same choice shares one engine, also while it still opens', async () => {
    const { openEngine, started } = life()
    const [one, two] = await Promise.all([openEngine('p', device, ignore), openEngine('p', { ...device }, ignore)])
    expect(two).toBe(one)
    expect(started).toHaveLength(1)
  })

  test('another choice ends the engine and opens another one', async () => {
    const { openEngine, started, at } = life()
    const one = await openEngine('p', device, ignore)
    const two = await openEngine('p', { ...device, threads: 4 }, ignore)
    expect(two).not.toBe(one)
    expect([started.length, at(0).dead, at(1).dead]).toEqual([2, true, false])
  })

  test('two files of one name and size are two choices, one file is one', async () => {
    const { openEngine, started } = life()
    const choice = (file: File): DeviceChoice => ({
      ...device,
      model: { source: { kind: 'folder', name: 'model', files: [{ path: 'a', blob: file }] }, variant: null },
    })
    const [first, second] = [new File(['one'], 'a'), new File(['two'], 'a')]
    await openEngine('p', choice(first), ignore)
    await openEngine('p', choice(first), ignore)
    expect(started).toHaveLength(1)
    await openEngine('p', choice(second), ignore)
    expect(started).toHaveLength(2)
  })

  test('an engine that died is opened again', async () => {
    const { openEngine, started, at } = life()
    await openEngine('p', device, ignore)
    at(0).dead = true
    await openEngine('p', device, ignore)
    expect([started.length, at(1).dead]).toEqual([2, false])
  })

  test('an opening that failed is ended and forgotten', async () => {
    let tries = 0
    const { openEngine, started, at } = life(async (connection) => {
      if (++tries === 1) throw new SpqrError('DOWNLOAD_FAILED', 'Offline.')
      return packOf(connection)
    })
    await expect(openEngine('p', device, ignore)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
    expect(at(0).dead).toBe(true)
    expect((await openEngine('p', device, ignore)).baseUrl).toBe('pack')
    expect(started).toHaveLength(2)
  })

  test('a late failure does not forget the engine that was opened since', async () => {
    let refuse: (error: SpqrError) => void = ignore
    const { openEngine, started } = life((connection, name) =>
      name === 'slow' ? new Promise((_, reject) => (refuse = reject)) : Promise.resolve(packOf(connection)),
    )
    const slow = openEngine('slow', device, ignore)
    const quick = await openEngine('quick', device, ignore)
    refuse(new SpqrError('DOWNLOAD_FAILED', 'Offline.'))
    await expect(slow).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
    expect(await openEngine('quick', device, ignore)).toBe(quick)
    expect(started).toHaveLength(2)
  })

  test('a signal stops the opening, and nothing once it is open', async () => {
    const engine = fakeConnection<EngineApi>({})
    let finish: (pack: OpenPack) => void = ignore
    const openEngine = engineLife(
      () => engine,
      () => new Promise((resolve) => (finish = resolve)),
    )
    const early = new AbortController()
    const opening = openEngine('p', device, ignore, early.signal)
    finish(packOf(engine))
    await opening
    early.abort()
    expect(engine.dead).toBe(false)

    const late = new AbortController()
    void openEngine('q', device, ignore, late.signal)
    late.abort()
    expect(engine.dead).toBe(true)
  })
})
