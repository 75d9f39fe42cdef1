import { describe, expect, test } from 'vitest'
import { SpqrError, type DeviceChoice, type TrainerApi } from '../../../src/core/contracts'
import { lazyTrainer } from '../../../src/wiring/lazyTrainer'
import { starter } from './fixture'

const device: DeviceChoice = { executionProvider: 'wasm', threads: 2 }

/** Each trainer exports its own number; `exportAdapter` may be made to fail, by number and key. */
function trainers(failing: (index: number, key: string) => SpqrError | null = () => null) {
  const opened: unknown[][] = []
  const workers = starter<TrainerApi>((index) => ({
    open: async (...args) => {
      opened.push(args.slice(0, 2))
    },
    exportAdapter: async (key: string) => {
      const error = failing(index, key)
      if (error) throw error
      return { bytes: new Uint8Array([index]), sha256: key, format: 'lora' }
    },
    abort: async () => undefined,
  }))
  const life = lazyTrainer(workers.start, 'http://localhost/packs/p/', device, () => undefined)
  return { ...workers, ...life, opened }
}
const numberOf = async (trainer: TrainerApi): Promise<number | undefined> =>
  (await trainer.exportAdapter('key')).bytes[0]

describe('lazyTrainer', () => {
  test('starts no worker before it is needed, and then one for all calls', async () => {
    const { trainer, started, opened } = trainers()
    await trainer.abort()
    expect(started).toHaveLength(0)
    expect(await Promise.all([numberOf(trainer), numberOf(trainer)])).toEqual([0, 0])
    expect(started).toHaveLength(1)
    expect(opened).toEqual([['http://localhost/packs/p/', device]])
  })

  test('starts afresh after a crash between two calls', async () => {
    const { trainer, started, at, opened } = trainers()
    expect(await numberOf(trainer)).toBe(0)
    at(0).dead = true
    expect(await numberOf(trainer)).toBe(1)
    expect([started.length, opened.length]).toEqual([2, 2])
  })

  test.for(['DEVICE_LOST', 'MEMORY', 'WORKER_CRASHED'] as const)(
    'gives up a worker whose call ended with %s',
    async (code) => {
      const { trainer, at } = trainers((index) => (index === 0 ? new SpqrError(code, 'Broken.') : null))
      await expect(numberOf(trainer)).rejects.toMatchObject({ code })
      expect(at(0).dead).toBe(true)
      expect(await numberOf(trainer)).toBe(1)
    },
  )

  test('keeps the worker when it refuses what was asked', async () => {
    const { trainer, started } = trainers((_, key) =>
      key === 'none' ? new SpqrError('CHECKPOINT_INVALID', 'No.') : null,
    )
    await expect(trainer.exportAdapter('none')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    expect(await numberOf(trainer)).toBe(0)
    expect(started).toHaveLength(1)
  })

  test('ends a worker that did not open, and tries again at the next call', async () => {
    const workers = starter<TrainerApi>((index) => ({
      open: async () => {
        if (index === 0) throw new SpqrError('DOWNLOAD_FAILED', 'Offline.')
      },
      exportAdapter: async () => ({ bytes: new Uint8Array([index]), sha256: '', format: 'lora' }),
    }))
    const { trainer } = lazyTrainer(workers.start, 'http://localhost/', device, () => undefined)
    await expect(numberOf(trainer)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
    expect(workers.at(0).dead).toBe(true)
    expect(await numberOf(trainer)).toBe(1)
  })
})
