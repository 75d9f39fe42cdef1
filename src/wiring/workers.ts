/** The page's workers, each behind its typed API. The bundler finds a worker by the literal text of these calls. */
import { loadPart, type EngineApi, type StatisticsWorkerApi, type TrainerApi } from '../core/contracts'
import type { PromptFileApi } from '../core/prompts'
import { connect, type Connection } from '../state/page/connect'
import type { Services } from '../state/page/services'

export const startEngine = (): Connection<EngineApi> =>
  connect<EngineApi>(
    new Worker(new URL('../../workers/engine.ts', import.meta.url), { type: 'module', name: 'engine' }),
    'The engine',
  )

export const startTrainer = (): Connection<TrainerApi> =>
  connect<TrainerApi>(
    new Worker(new URL('../../workers/trainer.ts', import.meta.url), { type: 'module', name: 'trainer' }),
    'The trainer',
  )

/** A frame with `sandbox` and no origin, to whose workers the page's own scripts are another site's. */
const withoutOrigin = (): boolean => globalThis.origin === 'null'

const startStatisticsWorker = (): Connection<StatisticsWorkerApi> =>
  connect<StatisticsWorkerApi>(
    new Worker(new URL('../../workers/statistics.ts', import.meta.url), { type: 'module', name: 'statistics' }),
    'The statistics worker',
  )

/** In the page itself where no worker starts: a link is small, and opens for a moment's standstill. */
export const startStatistics = (): Connection<StatisticsWorkerApi> =>
  withoutOrigin() ? { api: statisticsHere(), dead: false, end: () => undefined } : startStatisticsWorker()

/** Loaded when it is first asked: every other page has a worker for it. */
function statisticsHere(): StatisticsWorkerApi {
  let loading: Promise<StatisticsWorkerApi> | null = null
  const load = () =>
    (loading ??= loadPart(() => import('../core/scoring/stored/statisticsApi')).then((module) =>
      module.statisticsApi(),
    ))
  return {
    begin: async (...given) => (await load()).begin(...given),
    add: async (...given) => (await load()).add(...given),
    open: async (...given) => (await load()).open(...given),
    merge: async (...given) => (await load()).merge(...given),
    setReference: async (...given) => (await load()).setReference(...given),
    score: async (...given) => (await load()).score(...given),
    thresholdCurve: async (...given) => (await load()).thresholdCurve(...given),
    compare: async (...given) => (await load()).compare(...given),
    choices: async (...given) => (await load()).choices(...given),
    outcomes: async (...given) => (await load()).outcomes(...given),
    file: async (...given) => (await load()).file(...given),
    release: async (...given) => (await load()).release(...given),
  }
}

const startStorage = (): Connection<Services['storage']> =>
  connect<Services['storage']>(
    new Worker(new URL('../../workers/storage.ts', import.meta.url), { type: 'module', name: 'storage' }),
    'The storage worker',
  )

const startPrompts = (): Connection<PromptFileApi> =>
  connect<PromptFileApi>(
    new Worker(new URL('../../workers/prompts.ts', import.meta.url), { type: 'module', name: 'prompts' }),
    'The prompt reader',
  )

/** The storage worker, started when first needed, and again after a crash. */
export function storageService(start: () => Connection<Services['storage']> = startStorage): Services['storage'] {
  let connection: Connection<Services['storage']> | null = null
  const stored = (): Services['storage'] => {
    if (!connection || connection.dead) connection = start()
    return connection.api
  }
  return {
    facts: () => stored().facts(),
    verify: (key) => stored().verify(key),
    remove: (id) => stored().remove(id),
    blob: (key) => stored().blob(key),
  }
}

/** A prompt worker lives as long as one file takes: the text of a large one goes with it. */
export function promptService(start: () => Connection<PromptFileApi> = startPrompts): PromptFileApi {
  const during = async <T>(work: (api: PromptFileApi) => Promise<T>): Promise<T> => {
    const { api, end } = start()
    try {
      return await work(api)
    } finally {
      end()
    }
  }
  return {
    preview: (file) => during((api) => api.preview(file)),
    read: (file, options) => during((api) => api.read(file, options)),
  }
}
