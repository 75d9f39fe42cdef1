/**
 * The exit ticket as a link: `#lesson/t1.<base64url(deflate(JSON))>.<sha256 prefix>`. It holds what the student wrote and
 * guessed, and nothing else; it goes nowhere but where the student sends it.
 */
import { deflateSync, strFromU8, strToU8 } from 'fflate'
import * as v from 'valibot'
import { SpqrError, parseJson } from '../../core/contracts'
import { fromBase64Url, inflateBounded, toBase64Url } from '../share/shareBytes'
import { sha256Hex } from '../../core/hash'

/** Longest answer, in characters. */
export const MAX_ANSWER = 600
/** Questions of the ticket. */
export const TICKET_QUESTIONS = 3
const DIGITS = 16
const MAX_BYTES = 16_000
const PREFIX = 't1'

const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000))
const TicketSchema = v.strictObject({
  answers: v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_ANSWER))), v.length(TICKET_QUESTIONS)),
  /** Guessed and shown pictures, of how many, by question. */
  guesses: v.pipe(
    v.array(v.strictObject({ question: v.picklist(['safe', 'back']), guess: whole, of: whole })),
    v.maxLength(2),
  ),
  /** What the student's own training ended with: flagged, judged; null where there was none. */
  own: v.nullable(v.tuple([whole, whole])),
})
export type Ticket = v.InferOutput<typeof TicketSchema>

const invalid = (what: string): SpqrError =>
  new SpqrError(
    'LINK_INVALID',
    `The exit ticket cannot be opened: ${what}.`,
    'Ask the student to copy the whole link again.',
  )

/** Whether the part of an address behind `#lesson/` wants to be a ticket, however damaged. */
export const looksLikeTicket = (anchor: string): boolean => /^t\d+\./.test(anchor)

/** The part of the address behind `#lesson/`. */
export function encodeTicket(ticket: Ticket): string {
  const bytes = deflateSync(strToU8(JSON.stringify(ticket)), { level: 9 })
  return `${PREFIX}.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, DIGITS)}`
}

/** @throws {SpqrError} LINK_INVALID with what is wrong */
export function decodeTicket(anchor: string): Ticket {
  const [prefix, body = '', check] = anchor.split('.')
  if (prefix !== PREFIX) throw invalid(`it has format ${String(prefix).slice(0, 10)}, and this page reads ${PREFIX}`)
  const bytes = body.length <= MAX_BYTES ? fromBase64Url(body) : null
  if (!bytes || sha256Hex(bytes).slice(0, DIGITS) !== check)
    throw invalid('its check digits do not fit its data, so it was changed or cut')
  const { value, fault } = parseJson(strFromU8(inflateBounded(bytes, MAX_BYTES)))
  if (fault !== null) throw invalid(fault)
  const parsed = v.safeParse(TicketSchema, value)
  if (!parsed.success) throw invalid('its data is no exit ticket')
  return parsed.output
}
