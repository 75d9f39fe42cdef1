/** The life of a pack's trainer: most runs train nothing, and a trainer that broke is replaced. */
import { reviveError, type DeviceChoice, type EngineEvent, type ErrorCode, type TrainerApi } from '../core/contracts'
import type { Connection } from '../state/page/connect'

/** A runtime that broke stays broken as long as its worker lives. */
const BROKEN: readonly ErrorCode[] = ['DEVICE_LOST', 'MEMORY', 'WORKER_CRASHED']

/** A trainer that starts and opens its worker when it is first needed, and starts afresh after a crash. */
export function lazyTrainer(
  startWorker: () => Connection<TrainerApi>,
  baseUrl: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
): { trainer: TrainerApi; end(): void } {
  let connection: Connection<TrainerApi> | null = null
  let opened: Promise<TrainerApi> | null = null
  const start = async (): Promise<TrainerApi> => {
    connection = startWorker()
    await connection.api.open(baseUrl, device, onEvent)
    return connection.api
  }
  const ready = (): Promise<TrainerApi> => {
    if (connection?.dead) opened = null
    return (opened ??= start().catch((thrown: unknown) => {
      // The next call starts afresh.
      connection?.end()
      throw thrown
    }))
  }
  /** What was saved is found again by the next worker. */
  const using = async <T>(work: (api: TrainerApi) => Promise<T>): Promise<T> => {
    const api = await ready()
    try {
      return await work(api)
    } catch (thrown) {
      if (BROKEN.includes(reviveError(thrown).code)) connection?.end()
      throw thrown
    }
  }
  return {
    end: () => connection?.end(),
    trainer: {
      open: async () => {
        await ready()
      },
      addDataset: (...args) => using((api) => api.addDataset(...args)),
      train: (...args) => using((api) => api.train(...args)),
      exportAdapter: (key) => using((api) => api.exportAdapter(key)),
      abort: async () => {
        await (await opened)?.abort()
      },
      close: async () => {
        await (await opened)?.close()
      },
    },
  }
}
