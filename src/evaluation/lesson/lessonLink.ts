/**
 * A teacher's link: `?lesson=1&step=4&lock=method,train&hide=compare` beside the ordinary settings. What it locks stays
 * visible and can be unlocked by anybody; what it hides can be shown again. It is an arrangement, no security.
 */
import { SpqrError, shortened } from '../../core/contracts'
import { PARAMETERS, toQuery, type ParameterName, type Parameters } from '../spec/params'

/** The format of lesson links that this version writes and reads. */
export const LESSON_FORMAT = 1
/** The lesson's screens in their order; a link names one by its number, beginning with 1. */
export const LESSON_SCREENS = ['wall', 'safe', 'back', 'train', 'luck', 'choose', 'broken', 'ticket'] as const
export type LessonScreen = (typeof LESSON_SCREENS)[number]
/** Parts of the page that a link can hide: the settings panel and whole views. */
export const HIDEABLE = ['settings', 'report', 'gallery', 'compare', 'about'] as const
export type Hideable = (typeof HIDEABLE)[number]

/** Names of a lesson link beside those of the settings. */
const OWN = ['lesson', 'step', 'lock', 'hide']

export interface LessonLink {
  step: LessonScreen
  locks: readonly ParameterName[]
  hides: readonly Hideable[]
}

export interface ReadLessonLink {
  link: LessonLink
  /** What the link asks for and this page does not have, one sentence each. */
  problems: readonly string[]
}

type Pairs = readonly (readonly [string, string])[]

/** Parts the pairs of an address: those of a lesson link, empty without `lesson`, and those of the settings. */
export function splitLesson(pairs: Pairs): { lesson: Pairs; settings: Pairs } {
  if (!pairs.some(([name]) => name === 'lesson')) return { lesson: [], settings: pairs }
  const own = (name: string): boolean => OWN.includes(name)
  return { lesson: pairs.filter(([name]) => own(name)), settings: pairs.filter(([name]) => !own(name)) }
}

const known = <T extends string>(all: readonly T[], name: string): T | undefined => all.find((one) => one === name)
const listOf = (text: string): string[] => [
  ...new Set(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ),
]
const quoted = (names: readonly string[]): string => names.map((name) => `"${shortened(name)}"`).join(', ')

/**
 * Reads a lesson link. Unknown locks and hides are told and the others hold.
 * @throws {SpqrError} BAD_INPUT for a format that this version does not know: nothing of the link is then taken
 */
export function readLessonLink(pairs: Pairs): ReadLessonLink {
  const given = Object.fromEntries(pairs)
  const format = given['lesson'] ?? ''
  if (format !== String(LESSON_FORMAT))
    throw new SpqrError(
      'LINK_INVALID',
      `The lesson link has format "${shortened(format)}"; this page reads format ${LESSON_FORMAT}, so nothing of the link was taken.`,
      'Reload the page to get its newest version, then open the link again.',
    )
  const problems: string[] = []
  const number = given['step'] ?? '1'
  const step = /^[1-9]\d?$/.test(number) ? LESSON_SCREENS[Number(number) - 1] : undefined
  if (step === undefined)
    problems.push(
      `The lesson link begins at step "${shortened(number)}"; the lesson has steps 1 to ${LESSON_SCREENS.length}, so it begins at step 1.`,
    )
  const locked = listOf(given['lock'] ?? '')
  const locks = locked.flatMap((name) => (Object.hasOwn(PARAMETERS, name) ? [name as ParameterName] : []))
  const strange = locked.filter((name) => !Object.hasOwn(PARAMETERS, name))
  if (strange.length > 0)
    problems.push(`The lesson link locks ${quoted(strange)}, which this page has no setting for; its other locks hold.`)
  const hidden = listOf(given['hide'] ?? '')
  const unseen = hidden.filter((name) => known(HIDEABLE, name) === undefined)
  if (unseen.length > 0)
    problems.push(
      `The lesson link hides ${quoted(unseen)}, which this page does not have; it can hide ${HIDEABLE.join(', ')}.`,
    )
  return {
    link: { step: step ?? 'wall', locks, hides: hidden.flatMap((name) => known(HIDEABLE, name) ?? []) },
    problems,
  }
}

/** The query of a lesson link, `?` included: the settings that differ from their defaults, and what is locked and hidden. */
export function lessonQuery({ step, locks, hides }: LessonLink, values: Parameters): string {
  const parts = [`lesson=${LESSON_FORMAT}`]
  if (step !== 'wall') parts.push(`step=${LESSON_SCREENS.indexOf(step) + 1}`)
  const settings = toQuery(values).slice(1)
  if (settings !== '') parts.push(settings)
  if (locks.length > 0) parts.push(`lock=${locks.join(',')}`)
  if (hides.length > 0) parts.push(`hide=${hides.join(',')}`)
  return `?${parts.join('&')}`
}
