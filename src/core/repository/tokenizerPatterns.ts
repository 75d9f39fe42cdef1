/**
 * How long the expressions of a tokenizer.json can take. A browser tries every way in which an expression can match and
 * cannot be stopped: `(a+)+$` takes longer than anybody waits on forty letters. So the ways are counted before: where
 * single characters alone repeat, k repetitions one behind another look at a text of n characters in at most n^(k+1)
 * steps, and k says how long a text may be. Other expressions are refused.
 */
import { wholePower } from '../exact'
import { isObject, shortened, type Read } from '../contracts'

/** Steps of matching that take about a second in a browser. */
const MOST_STEPS = 1e8
/** Optional parts one behind another: each doubles the ways. */
const MOST_OPTIONAL = 8
/** An expression longer than this is looked at no further. */
const MOST_CHARACTERS = 4096
/** A tokenizer that takes shorter texts only is of no use. */
const FEWEST_CHARACTERS = 100

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
/** Those of Llama 3 and Qwen 2: their repetitions one behind another share no character. */
const KNOWN: ReadonlySet<string> = new Set(
  ['\\p{N}{1,3}', '\\p{N}'].map(
    (digits) =>
      `${CONTRACTIONS}[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  ),
)

/** Repetitions and optional parts one behind another, on the worst path through an expression. */
interface Ways {
  repeated: number
  optional: number
}
const ONE_WAY: Ways = { repeated: 0, optional: 0 }
const worse = (a: Ways, b: Ways): Ways => ({
  repeated: Math.max(a.repeated, b.repeated),
  optional: Math.max(a.optional, b.optional),
})
const behind = (a: Ways, b: Ways): Ways => ({
  repeated: a.repeated + b.repeated,
  optional: a.optional + b.optional,
})

const GROUP = /\((?:\?(?:[:=!>]|<[=!]|<\w+>|[a-z-]+:))?/iy
/** A character, an escape or a class. */
const ATOM = /\\p\{[^}]*\}|\\u\{[^}]*\}|\\[^]|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*\]|[^()|*+?{[\\]/iy
const BACKREFERENCE = /^\\[1-9k]/
const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)\d*)?\})[?+]?/y

/** The ways of a part with the quantifier behind it; null where they are too many to count. */
function quantified(part: Ways, group: boolean, quantifier: RegExpExecArray | null): Ways | null {
  if (!quantifier) return part
  const [text, times, range] = quantifier
  if (text.startsWith('?')) return behind(part, { repeated: 0, optional: 1 })
  const fixed = times !== undefined && range === undefined && Number(times) <= MOST_CHARACTERS
  if (fixed && part.repeated + part.optional === 0) return part
  return group ? null : { repeated: 1, optional: 0 }
}

/** The worst path through an expression; null where what repeats is more than a character, or where it cannot be read. */
function waysOf(pattern: string): Ways | null {
  // For every open group: the worst of its alternatives before, and the present one so far.
  const open = [{ before: ONE_WAY, now: ONE_WAY }]
  let at = 0
  const taken = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at
    const found = expression.exec(pattern)
    at += found?.[0].length ?? 0
    return found
  }
  while (at < pattern.length) {
    let part = ONE_WAY
    const inner = open.at(-1)!
    const group = pattern[at] === ')'
    if (pattern[at] === '|') {
      at++
      inner.before = worse(inner.before, inner.now)
      inner.now = ONE_WAY
      continue
    }
    if (taken(GROUP)) {
      open.push({ before: ONE_WAY, now: ONE_WAY })
      continue
    }
    if (group) {
      at++
      open.pop()
      part = worse(inner.before, inner.now)
    } else if (BACKREFERENCE.test(taken(ATOM)?.[0] ?? '\\1')) return null
    const outer = open.at(-1)
    const ways = quantified(part, group, taken(QUANTIFIER))
    if (!outer || !ways) return null
    outer.now = behind(outer.now, ways)
  }
  const [whole] = open
  return open.length === 1 && whole ? worse(whole.before, whole.now) : null
}

/** Most characters that an expression is given; 0 where no bound is known. */
function charactersFor(pattern: string): number {
  if (KNOWN.has(pattern)) return Infinity
  if (pattern.length > MOST_CHARACTERS) return 0
  const ways = waysOf(pattern)
  if (!ways || ways.optional > MOST_OPTIONAL) return 0
  const most = MOST_STEPS / 2 ** ways.optional
  if (ways.repeated === 0) return Math.floor(most)
  let characters = 1
  while (wholePower(characters + 1, ways.repeated + 1) <= most) characters++
  return characters
}

/** The steps of a normalizer, pre-tokenizer or decoder, at any depth. */
function* stepsIn(steps: unknown): Generator<Record<string, unknown>> {
  const open = [steps]
  while (open.length > 0) {
    const step = open.pop()
    if (Array.isArray(step)) open.push(...(step as unknown[]))
    if (!isObject(step)) continue
    yield step
    for (const [key, part] of Object.entries(step)) if (key !== 'pattern') open.push(part)
  }
}

/** What a step does with what its pattern finds, in the words of the tokenizers library. */
const BEHAVIORS = ['removed', 'isolated', 'mergedwithprevious', 'mergedwithnext', 'contiguous']

/** What a step lacks that would be passed over without a word, as the end of a sentence. */
function stepProblem({ type, pattern, behavior = 'Isolated', invert = false }: Record<string, unknown>): string | null {
  if (type !== 'Split' && type !== 'Replace') return null
  if (pattern === undefined) return `one of its steps, a "${type}", has no pattern`
  if (typeof behavior !== 'string' || !BEHAVIORS.includes(behavior.toLowerCase()))
    return `one of its steps does something unknown with what it finds: ${shortened(String(JSON.stringify(behavior)))}`
  return typeof invert === 'boolean' ? null : 'one of its steps has an "invert" that is neither true nor false'
}

/** One character, or a run of them: it is never found in an empty text. */
const ONE_OR_MORE = /^(?:\\[a-z]|[^\\()[\]?*+{|^$]|\[[^\]\\]*\])(?:\+|\{[1-9]\d*,?\d*\})?$/

/** How many times longer a step can make a text that goes through it. */
function growthOf({ pattern, content }: Record<string, unknown>): number {
  if (pattern === undefined || typeof content !== 'string') return 1
  const { String: text, Regex: expression }: Record<string, unknown> = isObject(pattern) ? pattern : {}
  if (typeof text === 'string' && text !== '') return Math.max(1, content.length / text.length)
  if (typeof expression === 'string' && ONE_OR_MORE.test(expression)) return Math.max(1, content.length)
  // Anything else may be found between all characters too.
  return 1 + content.length
}

const refused = (fault: string): Read<number> => ({ value: null, fault })

/**
 * The longest text, in characters, that the steps of a tokenizer.json are given, so that they end within about a second;
 * or what is wrong with one of them, as the end of a sentence: it is no pattern, or nobody knows when it would end.
 */
export function patternLimit({
  normalizer,
  pre_tokenizer: split,
  decoder,
}: Readonly<Record<string, unknown>>): Read<number> {
  let longest = Infinity
  let growth = 1
  for (const step of stepsIn([normalizer, split, decoder])) {
    const problem = stepProblem(step)
    if (problem !== null) return refused(problem)
    growth *= growthOf(step)
    const { pattern } = step
    if (pattern === undefined) continue
    const expression: unknown = isObject(pattern) ? pattern.Regex : undefined
    if (typeof expression !== 'string') {
      if (isObject(pattern) && typeof pattern.String === 'string') continue
      return refused('one of its steps has a pattern that is neither a text nor an expression')
    }
    const characters = charactersFor(expression)
    if (characters < FEWEST_CHARACTERS)
      return refused(`nobody can say how long its expression "${shortened(expression)}" takes on a text`)
    longest = Math.min(longest, characters)
  }
  const limit = Math.floor(Math.min(longest, MOST_STEPS) / growth)
  return limit < FEWEST_CHARACTERS ? refused('its steps make a text many times longer') : { value: limit, fault: null }
}
