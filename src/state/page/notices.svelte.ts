/** What went wrong, in one sentence each, until the reader puts it away. Nothing else of the page is touched. */
import { reviveError, type SpqrError } from '../../core/contracts'

export interface Notice {
  id: number
  message: string
  hint: string
  code: string
}

/** Does something; a failure becomes a notice. Returns whether it went well. */
export type Guard = Notices['guard']

export class Notices {
  #list = $state.raw<readonly Notice[]>([])
  #next = 1

  get list(): readonly Notice[] {
    return this.#list
  }

  add(error: SpqrError): void {
    if (error.code === 'ABORTED') return
    const same = this.#list.some(({ message }) => message === error.message)
    if (same) return
    this.#list = [...this.#list, { id: this.#next, message: error.message, hint: error.hint, code: error.code }].slice(
      -4,
    )
    this.#next += 1
  }

  dismiss(id: number): void {
    this.#list = this.#list.filter((notice) => notice.id !== id)
  }

  /** Does something; a failure becomes a notice. Returns whether it went well. */
  readonly guard = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (thrown) {
      this.add(reviveError(thrown))
      return false
    }
  }
}
