/** What went wrong, in one sentence each, until it succeeds or the reader puts it away. Nothing else of the page is touched. */
import { untrack } from 'svelte'
import { reviveError, type ErrorCode, type SpqrError } from '../../core/contracts'

export interface Notice {
  id: number
  message: string
  hint: string
  code: ErrorCode
  /** What was tried; null where nothing tries it again. */
  about: string | null
  /** The view in which it was tried, and stays; null: it is told in every view. */
  view: string | null
}

/** Does something; a failure becomes a notice. Returns whether it went well. */
export type Guard = Notices['guard']

/** Notices kept at once. */
const MOST = 4

export class Notices {
  #all = $state.raw<readonly Notice[]>([])
  #next = 1
  /** The view that is open. */
  where: () => string | null = () => null

  /** Those of the view that is open. */
  readonly list = $derived.by(() => this.#all.filter(({ view }) => view === null || view === this.where()))

  add(error: SpqrError, about: string | null = null, view: string | null = null): void {
    if (error.code === 'ABORTED') return
    const { message, hint, code } = error
    if (this.#all.some((notice) => notice.message === message && notice.view === view)) return
    this.#all = [...this.#all, { id: this.#next, message, hint, code, about, view }].slice(-MOST)
    this.#next += 1
  }

  dismiss(id: number): void {
    this.#all = this.#all.filter((notice) => notice.id !== id)
  }

  /** Takes away what went wrong with this before: it is tried again, or has succeeded. */
  settle(about: string): void {
    // Read without dependence: an effect that tries something again would otherwise start itself, without end.
    const left = untrack(() => this.#all).filter((notice) => notice.about !== about)
    if (left.length < untrack(() => this.#all.length)) this.#all = left
  }

  /**
   * Does something; a failure becomes a notice of this view. Returns whether it went well.
   * @param about what is tried, such as "a run": a notice of an earlier failure goes when it is tried again
   * @param view where a failure is told; null: everywhere, for what goes on while other views are read
   */
  readonly guard = async (
    work: () => Promise<unknown>,
    about: string | null = null,
    view: string | null = this.where(),
  ): Promise<boolean> => {
    if (about !== null) this.settle(about)
    try {
      await work()
      return true
    } catch (thrown) {
      this.add(reviveError(thrown), about, view)
      return false
    }
  }
}
