/** The languages of the page, and which one a visit begins in. */
export type LanguageCode = 'en' | 'ar' | 'es' | 'fr' | 'hi'

/** Those that are translated to the end: the others are not offered. */
export const OFFERED: readonly LanguageCode[] = ['en', 'ar', 'es', 'fr', 'hi']

/** Each in its own words, as a menu shows it. */
export const LANGUAGE_NAMES: Record<LanguageCode, string> = {
  en: 'English',
  ar: 'العربية',
  es: 'Español',
  fr: 'Français',
  hi: 'हिन्दी',
}
export const RIGHT_TO_LEFT: readonly LanguageCode[] = ['ar']
/** One kind of digits for tables, charts and seeds, which stay as they are written. */
const TAGS: Partial<Record<LanguageCode, string>> = { ar: 'ar-u-nu-latn', hi: 'hi-u-nu-latn' }

const codeOf = (tag: string | null): LanguageCode | undefined =>
  OFFERED.find((code) => code === tag?.toLowerCase().split('-')[0])

/** For Intl: the browser's own variety of a language, such as en-GB, decides how dates are written. */
export const tagOf = (code: LanguageCode, browser: readonly string[]): string =>
  TAGS[code] ?? browser.find((tag) => codeOf(tag) === code) ?? code

/** The address's `?lang=` before what was chosen here before the browser's; English where none of them is spoken. */
export function firstLanguage(search: string, stored: string | null, browser: readonly string[]): LanguageCode {
  const wanted = [new URLSearchParams(search).get('lang'), stored, ...browser]
  return wanted.map(codeOf).find((code) => code !== undefined) ?? 'en'
}

/** The address with the chosen language, where it names one; else as it is. */
export function addressIn(code: LanguageCode, address: string): string {
  const url = new URL(address)
  if (url.searchParams.has('lang')) url.searchParams.set('lang', code)
  return url.href
}
