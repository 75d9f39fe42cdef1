/** Loads what is behind the first screen, once: when the page has drawn itself, or sooner when somebody goes there. */
import { loadPart } from '../../core/contracts'
import type { Guard } from '../../state/page/notices.svelte'

export type Later = typeof import('./later')

/** At the latest, ms: a page that is kept busy would otherwise never be idle. */
const PATIENCE = 1000

export class Behind {
  #parts = $state.raw<Later | null>(null)
  #loading: Promise<unknown> | null = null

  /** Null until they are here. */
  get parts(): Later | null {
    return this.#parts
  }

  /** Ends when the parts are here or cannot be loaded, which is told. */
  load(guard: Guard): Promise<unknown> {
    return (this.#loading ??= guard(async () => {
      this.#parts = await loadPart(() => import('./later'))
    }, null))
  }

  /** Begins to load; `now`: what is shown needs them already. */
  begin(guard: Guard, now: boolean): void {
    const load = () => void this.load(guard)
    if (now || !('requestIdleCallback' in globalThis)) load()
    else requestIdleCallback(load, { timeout: PATIENCE })
  }
}
