/** What a teacher's link arranged: locked settings, hidden parts. Anybody can undo both; it is no security. */
import {
  LESSON_SCREENS,
  readLessonLink,
  splitLesson,
  type Hideable,
  type LessonLink,
} from '../../evaluation/lesson/lessonLink'
import { queryPairs } from '../../evaluation/spec/params'
import type { ParameterName } from '../../evaluation/spec/params'
import { SpqrError } from '../../core/contracts'

export class Classroom {
  #link = $state.raw<LessonLink | null>(null)
  #unlocked = $state(false)
  #shown = $state(false)

  readonly locks = $derived<readonly ParameterName[]>(this.#unlocked ? [] : (this.#link?.locks ?? []))
  readonly hides = $derived<readonly Hideable[]>(this.#shown ? [] : (this.#link?.hides ?? []))

  /** Where a lesson link leads, `#` included; empty without one. */
  get fragment(): string {
    return this.#link ? `#lesson/${LESSON_SCREENS.indexOf(this.#link.step) + 1}` : ''
  }

  locked(name: ParameterName): boolean {
    return this.locks.includes(name)
  }
  hidden(part: string): boolean {
    return this.hides.some((one) => one === part)
  }
  unlock(): void {
    this.#unlocked = true
  }
  showAll(): void {
    this.#shown = true
  }

  /**
   * Takes what an address arranges for a lesson.
   * @returns the query without it, for the settings
   * @throws {SpqrError} LINK_INVALID for a link of a later version; `tell` hears what of a known one is not here
   */
  read(search: string, tell: (problem: SpqrError) => void): string {
    const { lesson, settings } = splitLesson(queryPairs(search))
    if (lesson.length === 0) return search
    const { link, problems } = readLessonLink(lesson)
    this.#link = link
    for (const problem of problems) tell(new SpqrError('BAD_INPUT', problem, 'Ask for a new link if it matters.'))
    return `?${settings.map(([name, text]) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`).join('&')}`
  }
}
