/** Composition root: creates the workers and the store, wires them into the state, draws the page. */
import { mount } from 'svelte'
import * as v from 'valibot'
import appPackage from '../package.json'
import {
  JudgeCardSchema,
  SpqrError,
  reviveError,
  type DeviceChoice,
  type EngineApi,
  type EngineEvent,
  type Environment,
  type FeatureJudge,
  type JudgeFacts,
  type StatisticsWorkerApi,
  type TrainerApi,
} from './core/contracts'
import type { PromptFileApi } from './core/prompts'
import { conditionsOf } from './core/scoring'
import { parseParameters, unknownSentence } from './evaluation/spec/params'
import { scriptProgress, type SpqrScript } from './evaluation/run/runApi'
import { CHECKPOINT_DATABASE } from './runtime/storage/adapterShelf'
import { idbKeyValue } from './runtime/storage/cache'
import { PACK_DATABASE } from './runtime/engine'
import { sha256Hex } from './runtime/events'
import { PackFiles } from './runtime/storage/files'
import { createPromptStore } from './runtime/storage/promptStore'
import { readReference } from './runtime/judges/reference'
import { createRunStore } from './runtime/storage/runStore'
import { App } from './state/page/app.svelte'
import { connect, type Connection } from './state/page/connect'
import { Desk } from './state/page/desk'
import { EngineUse } from './state/run/engineUse.svelte'
import { makeRecording, type Recording } from './state/run/recording'
import { registerServiceWorker } from './state/page/serviceWorker'
import type { OpenPack, Services } from './state/page/services'
import Page from './ui/page/App.svelte'

/** Packs that came with a leaderboard when the page was built: the others are not asked for one. */
declare const __LEADERBOARDS__: readonly string[]

const base = new URL('./', document.baseURI.replace(/[?#].*$/, ''))
const store = createRunStore({
  onMemory: (error) => app.notices.add(error),
  onDamage: (error) => app.notices.add(error),
})

const newEngine = (): Connection<EngineApi> =>
  connect<EngineApi>(
    new Worker(new URL('../workers/engine.ts', import.meta.url), { type: 'module', name: 'engine' }),
    'The engine',
  )
const desk = new Desk(
  () =>
    connect<StatisticsWorkerApi>(
      new Worker(new URL('../workers/statistics.ts', import.meta.url), { type: 'module', name: 'statistics' }),
      'The statistics worker',
    ),
  (facts) => services.reference(facts),
)

let storage: Connection<Services['storage']> | null = null
/** The storage worker, started when first needed, and again after a crash. */
function stored(): Services['storage'] {
  if (!storage || storage.dead)
    storage = connect<Services['storage']>(
      new Worker(new URL('../workers/storage.ts', import.meta.url), { type: 'module', name: 'storage' }),
      'The storage worker',
    )
  return storage.api
}

/** The prompt worker lives as long as one file takes: the text of a large one goes with it. */
async function withPromptWorker<T>(work: (api: PromptFileApi) => Promise<T>): Promise<T> {
  const { api, end } = connect<PromptFileApi>(
    new Worker(new URL('../workers/prompts.ts', import.meta.url), { type: 'module', name: 'prompts' }),
    'The prompt reader',
  )
  try {
    return await work(api)
  } finally {
    end()
  }
}

/** Descriptions of judges that ship with the page; checked as anything from outside is. */
const cards = Object.values(import.meta.glob('../models/judges/cards/*.json', { eager: true, import: 'default' })).map(
  (card) => v.parse(JudgeCardSchema, card),
)

/** References for FID of the user's own, by SHA-256 of their features. */
const references = new Map<string, Float32Array>()
const referenceStore = idbKeyValue('spqr-references')
async function storedReference(sha256: string): Promise<Float32Array | null> {
  const bytes = await referenceStore.get(sha256).catch(() => undefined)
  if (!(bytes instanceof Uint8Array)) return null
  const whole = bytes.slice()
  // One that was damaged counts as gone: it is asked for again, and no score comes from it.
  return (await sha256Hex(whole)) === sha256 ? new Float32Array(whole.buffer) : null
}

const checkpointStore = idbKeyValue(CHECKPOINT_DATABASE)

const engineUse = new EngineUse()
/** The one engine that is open, with what it was opened for. */
let open: { key: string; engine: Connection<EngineApi>; pack: Promise<OpenPack> } | null = null

/** A trainer that starts and opens its worker when it is first needed. */
function lazyTrainer(
  baseUrl: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
): { trainer: TrainerApi; end(): void } {
  let connection: Connection<TrainerApi> | null = null
  let opened: Promise<TrainerApi> | null = null
  const start = async (): Promise<TrainerApi> => {
    connection = connect<TrainerApi>(
      new Worker(new URL('../workers/trainer.ts', import.meta.url), { type: 'module', name: 'trainer' }),
      'The trainer',
    )
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
  /** A runtime that broke stays broken as long as its worker lives; what was saved is found again by the next one. */
  const using = async <T>(work: (api: TrainerApi) => Promise<T>): Promise<T> => {
    const api = await ready()
    try {
      return await work(api)
    } catch (thrown) {
      if (['DEVICE_LOST', 'MEMORY', 'WORKER_CRASHED'].includes(reviveError(thrown).code)) connection?.end()
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

/** Whether training and the making of pictures have cores of their own; on one set of cores each would only slow the other. */
function hasRoom({ executionProvider, threads }: Environment): boolean {
  return executionProvider === 'webgpu' || 2 * threads <= navigator.hardwareConcurrency
}

async function openPack(
  connection: Connection<EngineApi>,
  name: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
): Promise<OpenPack> {
  const baseUrl = new URL(`packs/${name}/`, base).href
  // Before the first byte of a large download: what is stored shall stay. Only the page may ask, and a no is an answer.
  if (device.model) await (navigator.storage as StorageManager | undefined)?.persist().catch(() => false)
  const pack = await connection.api.open(baseUrl, device, onEvent)
  let engine = connection
  const features = pack.judges.find(
    (judge): judge is Extract<JudgeFacts, { kind: 'features' }> => judge.kind === 'features',
  )
  const training = lazyTrainer(baseUrl, device, onEvent)
  const trainer = pack.manifest.training ? training.trainer : null
  return {
    pack,
    baseUrl,
    trainer,
    end: () => {
      training.end()
      engine.end()
    },
    ports: {
      engine: engine.api,
      statistics: desk,
      store,
      trainer,
      trainAhead: hasRoom(pack.environment),
      async reference() {
        const known = features ? await services.reference(features) : null
        // Of another pack than the page began with, or of a judge that was added: the engine has their files.
        const own = pack.manifest.judges.some(
          (judge) =>
            judge.kind === 'features' &&
            judge.reference !== null &&
            judge.reference.sha256 === features?.reference?.sha256,
        )
        return known ?? (features && own ? engine.api.reference(features.id) : null)
      },
      now: () => performance.now(),
      recreateEngine: async () => {
        engine.end()
        engine = newEngine()
        // On what the run was begun on: after a lost GPU, "auto" would go on with WASM, and its pictures are others.
        const { executionProvider, threads } = pack.environment
        const again = await engine.api.open(baseUrl, { ...device, executionProvider, threads }, onEvent)
        if (
          again.manifestSha256 !== pack.manifestSha256 ||
          conditionsOf(again.environment) !== conditionsOf(pack.environment)
        ) {
          throw new SpqrError(
            'BAD_INPUT',
            'The model or the graphics device changed while the run went on.',
            'Everything made so far is kept: press Run to go on where that is possible.',
          )
        }
        return engine.api
      },
    },
  }
}

/** Numbers for chosen files: two of the same name and size are two files. */
const fileNumbers = new WeakMap<Blob, number>()
let filesSeen = 0
function withFileNumbers(_: string, value: unknown): unknown {
  if (!(value instanceof Blob)) return value
  if (!fileNumbers.has(value)) fileNumbers.set(value, ++filesSeen)
  return `file ${fileNumbers.get(value)}`
}

async function openEngine(
  name: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
  signal?: AbortSignal,
): Promise<OpenPack> {
  const key = JSON.stringify([name, device], withFileNumbers)
  if (open?.key !== key || open.engine.dead) {
    open?.pack.then(
      (earlier) => earlier.end(),
      () => undefined,
    )
    const engine = newEngine()
    open = { key, engine, pack: openPack(engine, name, device, onEvent) }
  }
  const mine = open
  const stop = () => mine.engine.end()
  signal?.addEventListener('abort', stop)
  try {
    return await mine.pack
  } catch (thrown) {
    mine.engine.end()
    if (open === mine) open = null
    throw thrown
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    const response = await fetch(new URL(path, base))
    return response.ok && response.headers.get('content-type')?.includes('json') ? await response.json() : null
  } catch {
    // Offline before anything was cached, or not JSON: there is nothing to show.
    return null
  }
}

const services: Services = {
  version: appPackage.version,
  statistics: desk,
  store,
  prompts: {
    preview: (file) => withPromptWorker((api) => api.preview(file)),
    read: (file, options) => withPromptWorker((api) => api.read(file, options)),
  },
  promptStore: createPromptStore(undefined, (error) => app.notices.add(error)),
  storage: {
    facts: () => stored().facts(),
    verify: (key) => stored().verify(key),
    remove: (id) => stored().remove(id),
    blob: (key) => stored().blob(key),
  },
  checkpoints: {
    // A hash beside each is no thing of its own.
    count: async () => (await checkpointStore.keys()).filter((key) => !key.endsWith(':sha256')).length,
    clear: () =>
      engineUse.during('deleting what fine-tuning left', async () => {
        for (const key of await checkpointStore.keys()) await checkpointStore.delete(key)
      }),
  },
  engineUse,
  withEngine: (who, name, device, work, onEvent = () => undefined, signal) =>
    engineUse.during(who, async () => work(await openEngine(name, device, onEvent, signal))),
  alone: async (runId, work) => {
    // Absent where the page is served without TLS; two tabs may then make the same pictures twice.
    const locks = navigator.locks as LockManager | undefined
    return locks
      ? locks.request(`spqr-run-${runId}`, { ifAvailable: true }, (lock) => {
          if (!lock)
            throw new SpqrError(
              'BAD_INPUT',
              'This run goes on in another tab.',
              'Watch it there, or stop it there and press Run here again.',
            )
          return work()
        })
      : work()
  },
  judgeCards: cards,
  async keepReference(features) {
    const bytes = new Uint8Array(features.slice().buffer)
    const sha256 = await sha256Hex(bytes)
    references.set(sha256, features)
    // Kept for later visits; a full disk must not stop this one.
    await referenceStore.set(sha256, bytes).catch(() => undefined)
    return sha256
  },
  async reference(facts) {
    if (!facts.reference) return null
    const own = references.get(facts.reference.sha256) ?? (await storedReference(facts.reference.sha256))
    if (own) return own
    const { name, manifest } = app.pack
    const judge = manifest?.judges.find(
      (one): one is FeatureJudge =>
        one.kind === 'features' && one.reference !== null && one.reference.sha256 === facts.reference?.sha256,
    )
    if (!judge) return null
    return readReference(
      new PackFiles({
        baseUrl: new URL(`packs/${name}/`, base).href,
        store: idbKeyValue(PACK_DATABASE),
        onEvent: () => undefined,
      }),
      judge,
    )
  },
  readJson,
  leaderboard: async (pack) => (__LEADERBOARDS__.includes(pack) ? readJson(`packs/${pack}/leaderboard.json`) : null),
  async readPicture(path) {
    const response = await fetch(new URL(path, base)).catch(() => null)
    if (!response?.ok) return null
    const bitmap = await createImageBitmap(await response.blob()).catch(() => null)
    const context = bitmap && new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
    if (!bitmap || !context) return null
    context.drawImage(bitmap, 0, 0)
    return context.getImageData(0, 0, bitmap.width, bitmap.height)
  },
}

const app = new App(services, location)

/** Scripting beyond the command line's needs: the files of a recorded run. */
interface PageScript extends SpqrScript {
  /** A stored picture, exactly: RGB, row-major. */
  picture(unitId: string): Promise<{ width: number; height: number; rgb: number[] } | null>
  recording(report: Awaited<ReturnType<SpqrScript['evaluate']>>, name: string): Promise<Recording | null>
}
const script: PageScript = {
  version: appPackage.version,
  async evaluate(parameters, onProgress) {
    const { values, unknown } = parseParameters(Object.entries(parameters))
    const sentence = unknownSentence(unknown)
    if (sentence) throw new SpqrError('BAD_INPUT', sentence)
    app.settings.values = values
    const report = await app.evaluate(app.request(), (event) => onProgress?.(scriptProgress(event)))
    if (!report)
      throw new SpqrError('ABORTED', 'The run was stopped.', 'Everything made so far is kept; start it again to go on.')
    return report
  },
  async addPrompts({ name, bytes }, { acknowledged, suite, harmful, language, seed, ...columns }) {
    const content = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0))
    await app.promptSets.choose(new File([content], name))
    const { choices } = app.promptSets
    Object.assign(choices, {
      acknowledged,
      ...(suite ? { suite } : {}),
      ...(harmful === undefined ? {} : { harmful }),
      ...(language ? { language } : {}),
      ...(seed === undefined ? {} : { seed }),
    })
    Object.assign(choices.mapping, columns)
    const set = await app.takePrompts()
    return { suite: set.suite, prompts: set.prompts.length, notes: set.notes }
  },
  async addAdapters(role, files, parameters) {
    app.settings.values = parseParameters(Object.entries(parameters)).values
    for (const { sha256 } of app.settings.adapters[role]) app.settings.dropAdapter(role, sha256)
    for (const { name, bytes, strength, config } of files) {
      const weights = new File([Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0))], name)
      await app.settings.takeAdapters(
        services,
        role,
        config === undefined ? [weights] : [weights, new File([config], 'adapter_config.json')],
      )
      const taken = app.settings.adapters[role].at(-1)
      if (taken) app.settings.setStrength(role, taken.sha256, strength)
    }
    return app.settings.adapters[role].map(({ name, sha256, facts }) => ({ name, sha256, facts }))
  },
  link: (report, kind) => app.sharing.fragment(report, kind),
  async picture(unitId) {
    const image = await store.image(unitId)
    return image && { width: image.width, height: image.height, rgb: [...image.rgb] }
  },
  recording: (report, name) => makeRecording(report, name, (unitId) => store.image(unitId)),
}
Object.assign(globalThis, { spqr: script })

const target = document.getElementById('app')
if (target) mount(Page, { target, props: { app } })
void app.notices.guard(() => app.start())
if (import.meta.env.PROD) void registerServiceWorker(new URL('service-worker.js', base), () => !engineUse.busy)
