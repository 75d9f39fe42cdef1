/**
 * The language of the page: from the address (`?lang=`), else what was chosen here before, else the browser's. Only
 * what is drawn is translated; records, links and exports stay as they are.
 */
import toRuntime, { type Runtime } from 'wuchale/runtime'
import * as english from 'virtual:messages/en'
import { loadPart } from '../../core/contracts'
import { addressIn, firstLanguage, RIGHT_TO_LEFT, tagOf, type LanguageCode } from './languages'
import { followLocale, type Locale } from './locale'
import { createTranslator, ENGLISH, isolated } from './translate'

type Catalogue = typeof english
const CATALOGUES: Record<Exclude<LanguageCode, 'en'>, () => Promise<Catalogue>> = {
  ar: () => import('virtual:messages/ar'),
  es: () => import('virtual:messages/es'),
  fr: () => import('virtual:messages/fr'),
  hi: () => import('virtual:messages/hi'),
}
const KEY = 'spqr-language'
const TITLE = 'spqr-web: does a safe image model stay safe?'

interface Spoken extends Locale {
  code: LanguageCode
  runtime: Runtime
}

function spoken(code: LanguageCode, catalogue: Catalogue, browser: readonly string[]): Spoken {
  const rightToLeft = RIGHT_TO_LEFT.includes(code)
  const translator = code === 'en' ? ENGLISH : createTranslator({ ...catalogue, rightToLeft })
  return {
    ...translator,
    code,
    tag: tagOf(code, browser),
    english: code === 'en',
    rightToLeft,
    runtime: toRuntime(catalogue, code),
  }
}

const browserLanguages = (): readonly string[] => (typeof navigator === 'undefined' ? [] : navigator.languages)

let current = $state.raw<Spoken>(spoken('en', english, browserLanguages()))
followLocale(() => current)

/**
 * What the compiled components draw their sentences from.
 * @public
 */
export const catalogue = (): Runtime => current.runtime

/**
 * What a component draws besides its own sentences; only text is translated.
 * @public
 */
export function say<T>(value: T): T | string {
  if (typeof value !== 'string') return value
  const said = current.say(value)
  return said === value ? isolated(value, current.rightToLeft) : said
}

/** Whether a sentence of the page stays in English, because no other language has it yet. */
export const staysEnglish = (sentence: string): boolean =>
  !current.english && /\p{L}/u.test(sentence) && current.say(sentence) === sentence

export class Language {
  get code(): LanguageCode {
    return current.code
  }

  /** The language this visit begins in. Throws SpqrError where its catalogue cannot be loaded. */
  begin(search: string): Promise<void> {
    return this.#speak(firstLanguage(search, readStored(), browserLanguages()))
  }

  /** The reader's choice; it holds for later visits. */
  async choose(code: LanguageCode): Promise<void> {
    await this.#speak(code)
    try {
      localStorage.setItem(KEY, code)
    } catch {
      // Private mode may refuse storage; the choice then lasts until the tab closes.
    }
    // An address that named another language would bring that one back.
    history.replaceState(history.state, '', addressIn(code, location.href))
  }

  async #speak(code: LanguageCode): Promise<void> {
    const words = code === 'en' ? english : await loadPart(CATALOGUES[code])
    current = spoken(code, words, browserLanguages())
    document.documentElement.lang = code
    document.documentElement.dir = current.rightToLeft ? 'rtl' : 'ltr'
    document.title = current.say(TITLE)
  }
}

function readStored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
