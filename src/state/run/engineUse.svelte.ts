/** Who works with the one open engine: each prepares weights of its own, and opening another model would end it. */
import { SpqrError } from '../../core/contracts'

export class EngineUse {
  #by = $state<string | null>(null)

  get busy(): boolean {
    return this.#by !== null
  }

  /** Does `work` on behalf of `who`, such as "a run". Throws BAD_INPUT while somebody else is at it. */
  async during<T>(who: string, work: () => Promise<T>): Promise<T> {
    if (this.#by !== null)
      throw new SpqrError(
        'BAD_INPUT',
        `The model is busy with ${this.#by}.`,
        'Wait until that is done or stop it, then try again.',
      )
    this.#by = who
    try {
      return await work()
    } finally {
      this.#by = null
    }
  }
}
