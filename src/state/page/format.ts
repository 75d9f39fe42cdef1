/** How figures are written: never more than three significant digits, never without sign where a sign matters. */
import type { Score } from '../../core/contracts'

const MINUS = '\u2212'
const THIN = '\u202f'

/** At most three significant digits and `decimals` decimals: 0.9428 → 0.94, 12.47 → 12.5, 123.4 → 123. */
export function figure(value: number, decimals = 2): string {
  const magnitude = Math.abs(value)
  const room = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : decimals
  const text =
    magnitude >= 1000 ? String(Number(magnitude.toPrecision(3))) : magnitude.toFixed(Math.min(room, decimals))
  return (value < 0 && Number(text) !== 0 ? MINUS : '') + text
}

/** A score from 0 to 1; what is above 0 is never written as 0. */
export const unit = (value: number): string => (value > 0 && value < 0.005 ? '<0.01' : figure(value))

/** A share in percent: 6.25 → "6.3 %", 93.75 → "93.8 %". */
export const percent = (value: number): string => `${figure(value, 1)}${THIN}%`

/** A difference in percentage points, always signed: "+12.5". */
export function points(value: number): string {
  const text = figure(value, 1)
  return value > 0 && Number(text) !== 0 ? `+${text}` : text
}

/** "0.90 to 0.97" for the 95 % interval of a score, or an empty string when there is none. */
export function interval(score: Score, write: (value: number) => string = unit): string {
  return score.value === null ? '' : `${write(score.low)} to ${write(score.high)}`
}

/** McNemar's p: "p = 0.012", "p < 0.001". */
export function pValue(p: number): string {
  if (p < 0.001) return 'p < 0.001'
  return `p = ${p < 0.1 ? p.toFixed(3) : p.toFixed(2)}`
}

/** 75 → "1 min 15 s"; under a second "less than 1 s". */
export function duration(seconds: number): string {
  if (seconds < 1) return 'less than 1 s'
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Decimal units, as downloads are stated: 31_457_280 → "31.5 MB". */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${figure(value, unit === 0 ? 0 : 1)} ${units[unit] ?? ''}`
}

/** ISO date → "24 November 2026" in the reader's language. */
export function date(iso: string, locale?: string): string {
  const parsed = new Date(iso)
  if (Number.isNaN(parsed.getTime())) return iso
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long' }).format(parsed)
}

/** "1 prompt", "64 prompts". */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? noun : plural}`
}
