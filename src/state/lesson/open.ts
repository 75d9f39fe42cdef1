/** Makes the lesson and the teacher's page; loaded when somebody opens one of them. */
import type { Sharing } from '../share/sharing.svelte'
import { ClassPool } from './classPool.svelte'
import { Lesson, type LessonParts } from './lesson.svelte'
import { Teach } from './teach.svelte'

/** The browser's own shelf; null where it refuses one, as private windows may. */
function browserShelf(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

export type PageParts = Pick<LessonParts, 'services' | 'settings' | 'pack' | 'notices'> & {
  sharing: Pick<Sharing, 'address'>
}

export function openLesson({ services, settings, pack, notices, sharing }: PageParts): Lesson {
  const address: LessonParts['address'] = (report) => sharing.address(report, 'short')
  return new Lesson({ services, settings, pack, notices, address, shelf: browserShelf() })
}

export interface Teaching {
  teach: Teach
  /** The class's results. */
  pool: ClassPool
}

export const openTeaching = ({
  services,
  pack,
  settings,
}: Pick<PageParts, 'services' | 'pack' | 'settings'>): Teaching => ({
  teach: new Teach(services, settings),
  pool: new ClassPool(services, pack, browserShelf()),
})
