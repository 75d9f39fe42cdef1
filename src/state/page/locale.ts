/** The language in which figures, dates and sentences are written now; English, as in records, until one is chosen. */
import { ENGLISH, type Translator } from './translate'

export interface Locale extends Translator {
  /** For Intl; undefined: as the browser does. */
  tag: string | undefined
  english: boolean
  /** Text runs from right to left: signs before a figure need a mark to stay before it. */
  rightToLeft: boolean
}

const AS_WRITTEN: Locale = { ...ENGLISH, tag: undefined, english: true, rightToLeft: false }

let read = (): Locale => AS_WRITTEN

/** The language in force; reading it is what makes a view follow a change. */
export const locale = (): Locale => read()

/** Called once, by what holds the choice. */
export function followLocale(current: () => Locale): void {
  read = current
}
