/** The door to the lesson and to the teacher's page: both are loaded when somebody first opens them. */
import type { Lesson } from '../lesson/lesson.svelte'
import type { PageParts, Teaching } from '../lesson/open'

export class LessonDoor {
  readonly #parts: PageParts
  #lesson: Promise<Lesson> | null = null
  #teaching: Promise<Teaching> | null = null

  constructor(parts: PageParts) {
    this.#parts = parts
  }

  lesson(): Promise<Lesson> {
    return (this.#lesson ??= import('../lesson/open').then(({ openLesson }) => openLesson(this.#parts)))
  }

  /** What a teacher chooses, and the class's results. */
  teaching(): Promise<Teaching> {
    return (this.#teaching ??= import('../lesson/open').then(({ openTeaching }) => openTeaching(this.#parts)))
  }
}
