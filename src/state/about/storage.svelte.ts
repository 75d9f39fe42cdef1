/** What this site keeps in the browser: models with their files, the room they take, and the checks of their bytes. */
import type { StorageFacts, StoredFile } from '../../core/contracts'
import type { Services } from '../page/services'

export type Check = 'checking' | 'right' | 'damaged'

export class StorageView {
  #facts = $state.raw<StorageFacts | null>(null)
  /** Outcome of the checks of this visit, by the file's key. */
  checks = $state<Record<string, Check>>({})
  #checkpoints = $state(0)
  readonly #services: Pick<Services, 'storage' | 'checkpoints'>

  constructor(services: Pick<Services, 'storage' | 'checkpoints'>) {
    this.#services = services
  }

  get facts(): StorageFacts | null {
    return this.#facts
  }
  /** Files that fine-tuning left. */
  get checkpoints(): number {
    return this.#checkpoints
  }

  async refresh(): Promise<void> {
    this.#facts = await this.#services.storage.facts()
    this.#checkpoints = await this.#services.checkpoints.count().catch(() => 0)
  }

  async clearCheckpoints(): Promise<void> {
    await this.#services.checkpoints.clear()
    await this.refresh()
  }

  /** Reads every whole file of a model again. */
  async verify(id: string): Promise<void> {
    for (const { key, verified } of this.#facts?.models.find((model) => model.id === id)?.files ?? []) {
      if (!verified) continue
      this.checks[key] = 'checking'
      this.checks[key] = (await this.#services.storage.verify(key)) ? 'right' : 'damaged'
    }
    await this.refresh()
  }

  async remove(id: string): Promise<void> {
    await this.#services.storage.remove(id)
    await this.refresh()
  }

  /** A stored file as a Blob that stays on disk. Throws CACHE_CORRUPT when it is not whole. */
  file({ key }: StoredFile): Promise<Blob> {
    return this.#services.storage.blob(key)
  }
}

/** What a person needs to know of one file. */
export function fileState({ bytes, stored, verified }: StoredFile, check: Check | undefined): string {
  if (check === 'checking') return 'checking'
  if (check === 'damaged') return 'damaged: load the model again, only the damaged part is fetched'
  if (check === 'right') return 'whole, just checked'
  if (verified) return 'whole'
  return stored === bytes ? 'not checked yet' : `${Math.floor((100 * stored) / Math.max(1, bytes))} % loaded`
}
