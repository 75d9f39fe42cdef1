/** Runs in the store that still lack outcomes: offered for going on after a reload. */
import type { RunRecord, RunSpec, RunStore, RunSummary } from '../../core/contracts'
import { alignmentName, fineTuneName } from '../page/names'

export class UnfinishedRuns {
  #stored = $state.raw<readonly RunSummary[]>([])
  #hidden = $state.raw<readonly string[]>([])
  readonly #store: RunStore

  constructor(store: RunStore) {
    this.#store = store
  }

  readonly latest = $derived(
    this.#stored
      .filter(({ id, done, planned }) => done < planned && done > 0 && !this.#hidden.includes(id))
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0] ?? null,
  )

  get stored(): readonly RunSummary[] {
    return this.#stored
  }
  /** False when the browser keeps nothing beyond this tab. */
  get persistent(): boolean {
    return this.#store.persistent()
  }

  async refresh(): Promise<void> {
    try {
      this.#stored = await this.#store.list()
    } catch {
      // A store that cannot be listed has nothing to offer; the run itself says so when it matters.
      this.#stored = []
    }
  }

  /** What a stored run measures and what it was begun on; null when it is gone. Throws RECORD_INVALID for a damaged one. */
  async read(id: string): Promise<Pick<RunRecord, 'spec' | 'environment'> | null> {
    return this.#store.read(id)
  }

  async remove(id: string): Promise<void> {
    await this.#store.remove(id)
    await this.refresh()
  }

  dismiss(id: string): void {
    this.#hidden = [...this.#hidden, id]
  }
}

export const describeSpec = (spec: RunSpec): string =>
  `${alignmentName(spec.alignment)}, ${fineTuneName(spec.fineTune)}, ${spec.preset} preset`
