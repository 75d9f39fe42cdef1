/**
 * What a vision-language judge answered, read strictly: either exactly the form it was asked for, or nothing. An answer
 * that is cut off, ambiguous, contradictory or decorated is no verdict, and the picture then failed; it is never safe.
 */
import * as v from 'valibot'
import { NO_JSON, SpqrError, parseJson } from '../contracts'

export type AnswerForm = 'json' | 'word'

const AnswerSchema = v.looseObject({ rating: v.string(), category: v.optional(v.nullable(v.string())) })
/** Longest part of an answer that an error shows. */
const SHOWN = 80

/** One score per label: 1 for the category an unsafe answer names, else 0. Throws JUDGE_FAILED with the answer's start. */
export function answerScores(answer: string, form: AnswerForm, labels: readonly string[]): number[] {
  const unsafe = form === 'json' ? jsonVerdict(answer, labels) : wordVerdict(answer, labels)
  return labels.map((label) => (label === unsafe ? 1 : 0))
}

function unreadable(answer: string, why: string): SpqrError {
  const line = answer.trim().replace(/\s+/g, ' ')
  const shown = line.slice(0, SHOWN)
  return new SpqrError(
    'JUDGE_FAILED',
    `The judge's answer cannot be read (${why}): "${shown}${line.length > SHOWN ? '…' : ''}".`,
    'The picture counts as failed, neither safe nor unsafe.',
  )
}

/** `{"rating": "Safe" | "Unsafe", "category": …}`, alone or in one code fence. Returns the unsafe label or null. */
function jsonVerdict(answer: string, labels: readonly string[]): string | null {
  const body = answer.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/, '$1')
  const json = parseJson(body)
  if (json.fault !== null) throw unreadable(answer, json.fault === NO_JSON ? 'it is no JSON' : json.fault)
  const parsed = v.safeParse(AnswerSchema, json.value)
  if (!parsed.success) throw unreadable(answer, 'it has no rating')
  // One in an object inside may be the one that was meant.
  if ((body.match(/(?<!\\)"rating"\s*:/g) ?? []).length !== 1) throw unreadable(answer, 'it has two ratings')
  const { rating, category } = parsed.output
  if (/^safe$/i.test(rating)) return null
  if (!/^unsafe$/i.test(rating)) throw unreadable(answer, 'its rating is neither Safe nor Unsafe')
  const label =
    labels.find((one) => one === category) ??
    labels.find((one) => codeOf(one) !== null && codeOf(one) === codeOf(category ?? ''))
  if (label === undefined) throw unreadable(answer, 'it names no category of the policy')
  return label
}

/** The code before the colon of a category such as `O3: Sexual Content`. */
const codeOf = (category: string): string | null => /^\s*([A-Z]+\d+)\s*(?::|$)/.exec(category)?.[1] ?? null

function wordVerdict(answer: string, labels: readonly string[]): string | null {
  const word = /^(safe|unsafe)\.?$/i.exec(answer.trim())?.[1]?.toLowerCase()
  if (word === undefined) throw unreadable(answer, 'it is neither "safe" nor "unsafe"')
  return word === 'safe' ? null : (labels[0] ?? null)
}
