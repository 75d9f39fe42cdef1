/**
 * How figures are written: never more than three significant digits, never without sign where a sign matters; in the
 * language of the page, by Intl. English is written as it is in reports.
 */
import type { Score } from '../../core/contracts'
import { locale } from './locale'

const MINUS = '\u2212'
const THIN = '\u202f'
/** Between these a figure keeps its sign before it, in text that runs from right to left as well. */
const ISOLATE = ['\u2066', '\u2069'] as const

/** In right-to-left text a sign at the beginning would move behind the figure. */
const signed = (text: string): string => (locale().rightToLeft ? ISOLATE.join(text) : text)

/** By language and options: a list of runs writes thousands of figures, and to make a format takes longer than to use it. */
const numberFormats = new Map<string, Intl.NumberFormat>()
function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const { tag } = locale()
  const key = `${tag ?? ''} ${JSON.stringify(options)}`
  const format = numberFormats.get(key) ?? new Intl.NumberFormat(tag, options)
  numberFormats.set(key, format)
  return format
}

const digits = (value: number, decimals: number): string =>
  numberFormat({
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: Math.abs(value) >= 1000,
  }).format(value)

/** At most three significant digits and `decimals` decimals: 0.9428 → 0.94, 12.47 → 12.5, 123.4 → 123. */
export function figure(value: number, decimals = 2): string {
  const magnitude = Math.abs(value)
  const room = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : decimals
  const text =
    magnitude >= 1000 ? String(Number(magnitude.toPrecision(3))) : magnitude.toFixed(Math.min(room, decimals))
  const written = locale().english || !Number.isFinite(magnitude) ? text : digits(Number(text), placesOf(text))
  return value < 0 && Number(text) !== 0 ? signed(MINUS + written) : written
}

const placesOf = (text: string): number => text.split('.')[1]?.length ?? 0

/** Above 0, and too little for two decimals. */
const tiny = (): string => signed(`<${locale().english ? '0.01' : digits(0.01, 2)}`)

/** A score from 0 to 1; what is above 0 is never written as 0. */
export const unit = (value: number): string => (value > 0 && value < 0.005 ? tiny() : figure(value))

/** Half of an interval: "±0.03"; what rounds to nothing is never written so, for no interval is that narrow. */
export function within(halfWidth: number, decimals = 2): string {
  const least = 10 ** -decimals
  if (halfWidth < least / 2) return locale().fill('less than {0}', [`±${figure(least, decimals)}`])
  return `±${figure(halfWidth, decimals)}`
}

/** A share in percent: 6.25 → "6.3 %", 93.75 → "93.8 %". */
export function percent(value: number): string {
  const text = figure(value, 1)
  return locale().rightToLeft ? `${text}%` : `${text}${THIN}%`
}

/** A difference in percentage points, always signed: "+12.5". */
export function points(value: number): string {
  const text = figure(value, 1)
  return value > 0 && Number(figureOf(value)) !== 0 ? signed(`+${text}`) : text
}

/** As `figure` rounds, in figures that a program reads. */
const figureOf = (value: number): string => Math.abs(value).toFixed(Math.abs(value) >= 100 ? 0 : 1)

/**
 * "0.90 to 0.97" for the 95 % interval of a score, or an empty string when there is none. One of which both ends are
 * below what is written, "<0.01 to <0.01", lies within "0 to 0.01".
 */
export function interval(score: Score, write: (value: number) => string = unit): string {
  if (score.value === null) return ''
  const ends = [write(score.low), write(score.high)]
  if (ends.every((end) => end === tiny())) return locale().fill('{0} to {1}', [tick(0), tick(0.01)])
  return locale().fill('{0} to {1}', ends)
}

/** Beside a scale: "0.25", "+35". */
export const tick = (value: number): string =>
  locale().english ? String(value) : numberFormat({ maximumFractionDigits: 3 }).format(value)
export const signedTick = (value: number): string => points(value).replace(/[.,]0(?!\d)/, '')

/** McNemar's p: "p = 0.012", "p < 0.001". */
export function pValue(p: number): string {
  if (p < 0.001) return signed(`p < ${decimal(0.001, 3)}`)
  return signed(`p = ${decimal(p, p < 0.1 ? 3 : 2)}`)
}

const decimal = (value: number, places: number): string =>
  locale().english ? value.toFixed(places) : digits(value, places)

/** 75 → "1 min 15 s"; under a second "less than 1 s". */
export function duration(seconds: number): string {
  const { say } = locale()
  if (seconds < 1) return say('less than 1 s')
  const whole = Math.round(seconds)
  if (whole < 60) return measured(whole, 'second', 's')
  const minutes = Math.floor(whole / 60)
  const [min, s] = [measured(minutes % 60, 'minute', 'min'), measured(whole % 60, 'second', 's')]
  if (minutes < 60) return whole % 60 === 0 ? min : `${min} ${s}`
  return `${measured(Math.floor(minutes / 60), 'hour', 'h')} ${min}`
}

/** A number with its unit, as the language writes both. */
function measured(value: number, unit: string, english: string, places = 0): string {
  if (locale().english) return `${figure(value, places)} ${english}`
  return numberFormat({
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: placesOf(value.toFixed(places)),
  }).format(value)
}

/** Decimal units, as downloads are stated: 31_457_280 → "31.5 MB". */
export function bytes(count: number): string {
  const units = [
    ['byte', 'B'],
    ['kilobyte', 'kB'],
    ['megabyte', 'MB'],
    ['gigabyte', 'GB'],
  ] as const
  let value = count
  let step = 0
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000
    step += 1
  }
  const [unit, english] = units[step] ?? units[0]
  return measured(value, unit, english, step === 0 || value >= 100 ? 0 : 1)
}

/** ISO date → "24 November 2026" in the language of the page; `tag`: which English. */
export function date(iso: string, tag?: string): string {
  const parsed = new Date(iso)
  if (Number.isNaN(parsed.getTime())) return iso
  const language = (locale().english ? tag : undefined) ?? locale().tag
  const format = longDates.get(language ?? '') ?? new Intl.DateTimeFormat(language, { dateStyle: 'long' })
  longDates.set(language ?? '', format)
  return format.format(parsed)
}

/** By language: a list of runs writes hundreds of dates, and to make a format takes longer than to use it. */
const longDates = new Map<string, Intl.DateTimeFormat>()

/** A whole number with marks between its thousands: "1,200". */
export const whole = (n: number): string => n.toLocaleString(locale().english ? 'en' : locale().tag)

/** "1 prompt", "64 prompts". */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  const { counted } = locale()
  const written = whole(n)
  return counted(n, written, noun) ?? `${written} ${n === 1 ? noun : plural}`
}

/** Value, lower and upper bound as cells of a table; a dash where there is none. */
export const scoreTexts = ({ value, low, high }: Score, write: (value: number) => string): string[] =>
  [value, low, high].map((one) => (one === null ? '–' : write(one)))
