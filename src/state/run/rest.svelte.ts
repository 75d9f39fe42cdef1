/** Work that nobody asked for yet: only while the page rests, and where line, memory and cores are to spare. */
import type { App } from '../page/app.svelte'

/** What browsers say of the machine; some say less. */
export interface Machine {
  hardwareConcurrency: number
  /** GiB, rounded down by the browser. */
  deviceMemory?: number
  connection?: { saveData?: boolean }
}

const CORES = 2
const GIBIBYTES = 4

/**
 * Whether this machine can be asked for more than its reader asked for. One that is held in the hand and does not tell its
 * memory is taken for a small one.
 * @param coarse its pointer is a finger
 */
export function hasToSpare({ hardwareConcurrency, deviceMemory, connection }: Machine, coarse: boolean): boolean {
  const memory = deviceMemory ?? (coarse ? 0 : GIBIBYTES)
  return hardwareConcurrency >= CORES && memory >= GIBIBYTES && connection?.saveData !== true
}

/**
 * Begins `work` once the page has nothing to do while somebody looks at it; hidden then, it is asked again when it is seen.
 * Returns what calls it off; nothing happens where a browser does not tell.
 */
export function atRest(
  work: () => void,
  machine: Machine = navigator,
  coarse = matchMedia('(pointer: coarse)').matches,
): () => void {
  if (!('requestIdleCallback' in globalThis) || !hasToSpare(machine, coarse)) return () => undefined
  let asked = 0
  const ask = (): void => {
    asked = requestIdleCallback(() => {
      if (document.visibilityState === 'visible') work()
      else document.addEventListener('visibilitychange', ask, { once: true })
    })
  }
  ask()
  return () => {
    cancelIdleCallback(asked)
    document.removeEventListener('visibilitychange', ask)
  }
}

/**
 * Loads the model once, when the Run view is drawn, nobody uses the engine and the page rests. A mark in the browser's
 * timeline tells a bench that all of it is loaded.
 */
export function warmAtRest(app: App): void {
  let warmed = false
  $effect(() => {
    if (warmed || app.route.view !== 'run' || !app.pack.prepared || app.services.engineUse.busy) return undefined
    return atRest(() => {
      warmed = true
      void app.runner.warm(app.request(), app.pack.recipe, true).then((whole) => {
        if (whole) performance.mark('spqr-warm')
      })
    })
  })
}
