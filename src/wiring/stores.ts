/** The stores of runs and of the shelf, loaded when they are first asked: the button does not wait for them. */
import { loadPart, type RunStore, type ShelfStore, type SpqrError } from '../core/contracts'

type Notify = (error: SpqrError) => void

/** What `load` brings, kept once it is there; a failure is met by whoever asks, and the next one tries again. */
function once<T>(load: () => Promise<T>): { get(): Promise<T>; here(): T | null } {
  let loading: Promise<T> | null = null
  let here: T | null = null
  return {
    here: () => here,
    get: () => {
      loading ??= load().then(
        (part) => (here = part),
        (thrown: unknown) => {
          loading = null
          throw thrown
        },
      )
      return loading
    },
  }
}

export function runStore(notify: Notify): RunStore {
  const { get, here } = once(async () => {
    const { createRunStore } = await loadPart(() => import('../runtime/storage/runStore'))
    return createRunStore({ onMemory: notify, onDamage: notify })
  })
  return {
    open: async (...given) => (await get()).open(...given),
    append: async (...given) => (await get()).append(...given),
    setTraining: async (...given) => (await get()).setTraining(...given),
    read: async (...given) => (await get()).read(...given),
    judgedElsewhere: async (...given) => (await get()).judgedElsewhere(...given),
    image: async (...given) => (await get()).image(...given),
    list: async () => (await get()).list(),
    remove: async (...given) => (await get()).remove(...given),
    persistent: () => here()?.persistent() ?? typeof indexedDB !== 'undefined',
  }
}

export function shelfStore(notify: Notify): ShelfStore {
  const { get } = once(async () => {
    const { createShelfStore } = await loadPart(() => import('../runtime/storage/shelfStore'))
    return createShelfStore(undefined, notify)
  })
  return {
    list: async () => (await get()).list(),
    file: async (...given) => (await get()).file(...given),
    put: async (...given) => (await get()).put(...given),
    change: async (...given) => (await get()).change(...given),
    remove: async (...given) => (await get()).remove(...given),
    adopted: async () => (await get()).adopted(),
    setAdopted: async () => (await get()).setAdopted(),
  }
}
