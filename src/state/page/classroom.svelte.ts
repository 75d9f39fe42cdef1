/** What a teacher's link arranged: locked settings, hidden parts. Anybody can undo both; it is no security. */
import {
  LESSON_SCREENS,
  readLessonLink,
  splitLesson,
  type Hideable,
  type LessonLink,
} from '../../evaluation/lesson/lessonLink'
import type { ParameterName, Parameters } from '../../evaluation/spec/params'

type Pairs = ReturnType<typeof splitLesson>['settings']

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
  /** Whether nothing of these settings is locked. */
  lets(changes: Partial<Parameters>): boolean {
    return !this.locks.some((name) => name in changes)
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
   * Takes what an address arranges for a lesson; one without `lesson` changes nothing.
   * @returns the pairs that are settings, and what of the link is not here, one sentence each
   * @throws {SpqrError} LINK_INVALID for a link of a later version: nothing of it is taken
   */
  read(pairs: Pairs): { settings: Pairs; problems: readonly string[] } {
    const { lesson, settings } = splitLesson(pairs)
    if (lesson.length === 0) return { settings, problems: [] }
    const { link, problems } = readLessonLink(lesson)
    this.#link = link
    return { settings, problems }
  }
}
