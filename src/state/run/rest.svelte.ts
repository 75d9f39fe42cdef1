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

/** Whether this machine can be asked for more than its reader asked for. */
export function hasToSpare({ hardwareConcurrency, deviceMemory, connection }: Machine): boolean {
  return hardwareConcurrency >= CORES && (deviceMemory ?? GIBIBYTES) >= GIBIBYTES && connection?.saveData !== true
}

/** Begins `work` once the page has nothing to do, if somebody looks at it. Returns what calls it off; nothing happens where a browser does not tell. */
export function atRest(work: () => void, machine: Machine = navigator): () => void {
  if (!('requestIdleCallback' in globalThis) || !hasToSpare(machine)) return () => undefined
  const asked = requestIdleCallback(() => {
    if (document.visibilityState === 'visible') work()
  })
  return () => cancelIdleCallback(asked)
}

/**
 * Loads the model once, when the Run view is drawn, nobody uses the engine and the page rests. A mark in the browser's
 * timeline tells a bench that it ended.
 */
export function warmAtRest(app: App): void {
  let warmed = false
  $effect(() => {
    if (warmed || app.route.view !== 'run' || !app.pack.prepared || app.services.engineUse.busy) return undefined
    return atRest(() => {
      warmed = true
      void app.runner.warm(app.request(), true).then(() => performance.mark('spqr-warm'))
    })
  })
}
