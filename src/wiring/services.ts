/** All that the view models need from below, made of workers, stores and the network. */
import * as v from 'valibot'
import { JudgeCardSchema, SpqrError, type PackManifest } from '../core/contracts'
import { CHECKPOINT_DATABASE } from '../runtime/storage/adapterShelf'
import { PACK_DATABASE, idbKeyValue, type KeyValue } from '../runtime/storage/cache'
import { createPromptStore } from '../runtime/storage/promptStore'
import { Desk } from '../state/page/desk'
import type { Services } from '../state/page/services'
import { EngineUse } from '../state/run/engineUse.svelte'
import { fileServices } from './files'
import { engineLife } from './openEngine'
import { openPack } from './openPack'
import { referenceServices } from './references'
import { isStored } from './stored'
import { runStore, shelfStore } from './stores'
import { Unheard } from './unheard'
import { promptService, startEngine, startStatistics, startTrainer, storageService } from './workers'

/** Descriptions of judges that ship with the page; checked as anything from outside is. */
const judgeCards = () =>
  Object.values(import.meta.glob('../../models/judges/cards/*.json', { eager: true, import: 'default' })).map((card) =>
    v.parse(JudgeCardSchema, card),
  )

function checkpointService(engineUse: EngineUse, store: KeyValue): Services['checkpoints'] {
  return {
    // A hash beside each is no thing of its own.
    count: async () => (await store.keys()).filter((key) => !key.endsWith(':sha256')).length,
    clear: () =>
      engineUse.during('deleting what fine-tuning left', async () => {
        for (const key of await store.keys()) await store.delete(key)
      }),
  }
}

/** Absent where the page is served without TLS. */
const manager = (): StorageManager | undefined => navigator.storage as StorageManager | undefined
const persistence: Services['persistence'] = {
  persisted: async () =>
    (await manager()
      ?.persisted()
      .catch(() => null)) ?? null,
  ask: async () =>
    (await manager()
      ?.persist()
      .catch(() => null)) ?? null,
}

async function alone<T>(runId: string, work: () => Promise<T>): Promise<T> {
  // Absent where the page is served without TLS; two tabs may then make the same pictures twice.
  const locks = navigator.locks as LockManager | undefined
  if (!locks) return work()
  return locks.request(`spqr-run-${runId}`, { ifAvailable: true }, (lock) => {
    if (!lock)
      throw new SpqrError(
        'BAD_INPUT',
        'This run goes on in another tab.',
        'Watch it there, or stop it there and press Run here again.',
      )
    return work()
  })
}

export interface ServiceParts {
  version: string
  /** Address of the page, ending in a slash. */
  base: URL
  /** Packs that came with a leaderboard when the page was built: the others are not asked for one. */
  leaderboards: readonly string[]
  /** The pack that the page began with. */
  pagePack(): { name: string; manifest: PackManifest | null }
  /** Shows what stores found: runs that are only kept in memory, entries that were damaged. */
  notify(error: SpqrError): void
}

export function createServices({ version, base, leaderboards, pagePack, notify }: ServiceParts): Services {
  const store = runStore(notify)
  const engineUse = new EngineUse()
  const references = referenceServices({ base, pagePack })
  const statistics = new Desk(startStatistics, references.reference)
  const parts = { base, startEngine, startTrainer, statistics, store, reference: references.reference }
  const unheard = new Unheard()
  const packFiles = idbKeyValue(PACK_DATABASE)
  const openEngine = engineLife(startEngine, (...opening) => openPack(parts, ...opening))
  return {
    version,
    statistics,
    store,
    shelf: shelfStore(notify),
    persistence,
    prompts: promptService(),
    promptStore: createPromptStore(undefined, notify),
    storage: storageService(),
    checkpoints: checkpointService(engineUse, idbKeyValue(CHECKPOINT_DATABASE)),
    engineUse,
    withEngine: (who, name, device, work, onEvent = () => undefined, signal) =>
      engineUse.during(who, () =>
        unheard.during(onEvent, async () => work(await openEngine(name, device, onEvent, signal))),
      ),
    isStored: (...asked) => isStored(packFiles, ...asked),
    warm: async (name, device, work) => {
      if (engineUse.busy || name !== pagePack().name) return
      const open = await openEngine(name, device, unheard.hear)
      // Whoever holds the engine by now has prepared weights of its own, which must stay.
      if (!engineUse.busy) await work(open, unheard.hear)
    },
    alone,
    judgeCards: judgeCards(),
    ...references,
    ...fileServices(base, leaderboards),
  }
}
