/** English text into another language, by catalogue: whole sentences, sentences with figures in them, counted nouns. */

/** What is said in one language; pairs are English and its translation, with {0}, {1}… where something stands. */
export interface Phrases {
  sentences: readonly (readonly [english: string, translation: string])[]
  /** By "{0} prompt": the forms of the noun, in the order that `formOf` counts. */
  counted: Readonly<Record<string, readonly string[]>>
  /** Which form goes with a number. */
  formOf: (n: number) => number
  /** Text runs from right to left. */
  rightToLeft?: boolean
}

export interface Translator {
  /** Unchanged where there is no translation: then it is somebody's own text, or a name. */
  say: (english: string) => string
  /** A sentence whose parts are known: `fill('{0} to {1}', ['1', '2'])`. */
  fill: (english: string, parts: readonly string[]) => string
  /** "3 prompts" in this language; null without such a noun. */
  counted: (n: number, written: string, noun: string) => string | null
}

/** With fewer fixed letters a sentence would be found in anybody's text: only figures and known words may stand in it. */
const FEWEST_LETTERS = 9
/** A beginning such as "Run " is as good as many letters. */
const FEWEST_AT_START = 3
/** Sentences and parts of them: a list of hundreds of runs says thousands. */
const REMEMBERED = 20_000
const PLACE = /\{(\d+)\}/g

interface Pattern {
  start: string
  /** The longest of its fixed parts: a text without it needs no closer look. */
  needle: string
  test: RegExp
  /** Which part stands at which place of the English sentence. */
  order: number[]
  translation: string
  weight: number
  strict: boolean
}

const put = (template: string, parts: readonly string[]): string =>
  template.replace(PLACE, (place, index: string) => parts[Number(index)] ?? place)

const FROM_RIGHT = /[\p{Script=Arabic}\p{Script=Hebrew}]/u
const [OPEN, CLOSE] = ['\u2068', '\u2069']

/**
 * Somebody's own words, or a name, inside the page's: between marks (Unicode's first-strong isolate), so that quotation
 * marks and figures beside them stay on their side.
 */
export function isolated(text: string, rightToLeft: boolean): string {
  if (text.startsWith(OPEN)) return text
  const first = /\p{L}/u.exec(text)?.[0]
  if (first === undefined) return text
  const other = rightToLeft ? !FROM_RIGHT.test(text) : FROM_RIGHT.test(first)
  return other ? OPEN + text + CLOSE : text
}

const letters = (text: string): number => text.replace(PLACE, '').replace(/[^\p{L}]/gu, '').length

function patternOf([english, translation]: readonly [string, string]): Pattern {
  const fixed = english.split(PLACE).filter((_, i) => i % 2 === 0)
  const escaped = fixed.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const weight = letters(english)
  const start = fixed[0] ?? ''
  return {
    start,
    needle: fixed.reduce((longest, part) => (part.length > longest.length ? part : longest), ''),
    test: new RegExp(`^${escaped.join('(.*?)')}$`, 's'),
    order: [...english.matchAll(PLACE)].map(([, index]) => Number(index)),
    translation,
    weight,
    strict: weight < FEWEST_LETTERS && letters(start) < FEWEST_AT_START,
  }
}

/** Letters of a beginning by which patterns are looked up. */
const KEY_LETTERS = 3

/** Those of many patterns that a text may fit, heaviest first: by how it begins, and by what must stand in it. */
function lookUp(patterns: readonly Pattern[]): (text: string) => Pattern[] {
  const byStart = new Map<string, [Pattern, number][]>()
  for (const [rank, pattern] of patterns.entries()) {
    const key = pattern.start.slice(0, KEY_LETTERS)
    byStart.set(key, [...(byStart.get(key) ?? []), [pattern, rank]])
  }
  return (text) =>
    Array.from({ length: KEY_LETTERS + 1 }, (_, letters) => byStart.get(text.slice(0, letters)) ?? [])
      .flatMap((some) => some.filter(([{ needle }]) => text.includes(needle)))
      .sort(([, a], [, b]) => a - b)
      .map(([pattern]) => pattern)
}

interface Ways {
  say: (text: string) => string
  /** Of a list: what the catalogue says of it as a whole. */
  item: (text: string) => string | undefined
  /** What stands between the parts of a list in this language. */
  between: (mark: string) => string
}

/** Sentences of which each is known by itself, before any pattern could take all of them for one. */
function bySentences(text: string, known: (piece: string) => string | undefined): string | undefined {
  const pieces = text.split(/(?<=[.!?]) +(?=\p{Lu})/u)
  if (pieces.length < 2) return undefined
  const said = pieces.map(known)
  return said.every((piece) => piece !== undefined) ? said.join(' ') : undefined
}

/** Sentences that were put one after the other, clauses, lists with a dot between; else what is known of a list. */
function byParts(text: string, { say, item, between }: Ways): string {
  const sentences = text.split(/( · |; |(?<=[.!?]) +(?=\p{Lu}))/u)
  const pieces = sentences.length > 1 ? sentences : text.split(/(, |: )/)
  const one = sentences.length > 1 ? say : (piece: string) => item(piece) ?? piece
  const said = pieces.map((piece, i) => (i % 2 === 0 ? one(piece) : piece))
  // Marks of another language belong into what is said in it, not into somebody's own words.
  if (said.every((piece, i) => piece === pieces[i])) return text
  return said.map((piece, i) => (i % 2 === 0 ? piece : between(piece))).join('')
}

export function createTranslator({ sentences, counted, formOf, rightToLeft = false }: Phrases): Translator {
  const whole = new Map(sentences)
  const fitting = lookUp(
    sentences
      .filter(([english]) => /\{\d+\}/.test(english) && letters(english) > 0)
      .map(patternOf)
      .sort((a, b) => b.weight - a.weight),
  )
  const known = new Map<string, string>()

  const familiar = (part: string): boolean => !/\p{L}/u.test(part) || whole.has(part) || quoted(part) !== undefined

  function matched(text: string): string | null {
    for (const { start, test, order, translation, strict } of fitting(text)) {
      if (!text.startsWith(start)) continue
      const found = test.exec(text)
      if (!found || (strict && !found.slice(1).every(familiar))) continue
      const parts: string[] = []
      for (const [place, index] of order.entries()) parts[index] = isolated(say(found[place + 1] ?? ''), rightToLeft)
      return put(translation, parts)
    }
    return null
  }

  /** A name in quotation marks. */
  function quoted(text: string): string | undefined {
    const inner = /^“([^“”]*)”$/.exec(text)?.[1]
    return inner === undefined ? undefined : `“${isolated(say(inner), rightToLeft)}”`
  }

  /** What stands between the parts of a list in this language, from its sentence. */
  const between = (mark: string): string => whole.get(`{0}${mark}{1}`)?.slice(3, -3) ?? mark

  const one = (text: string): string | undefined => whole.get(text) ?? matched(text) ?? undefined
  const item = (text: string): string | undefined =>
    whole.get(text) ?? quoted(text) ?? bySentences(text, one) ?? matched(text) ?? undefined

  function say(text: string): string {
    if (!/\p{L}/u.test(text)) return text
    const before = known.get(text)
    if (before !== undefined) return before
    const said = item(text) ?? byParts(text, { say, item, between })
    if (known.size >= REMEMBERED) known.clear()
    known.set(text, said)
    return said
  }

  return {
    say,
    fill: (english, parts) => put(whole.get(english) ?? english, parts),
    counted: (n, written, noun) => {
      const forms = counted[`{0} ${noun}`]
      const form = forms?.[formOf(n)] ?? forms?.at(-1)
      return form === undefined ? null : put(form, [written])
    },
  }
}

/** English as it is written in the source. */
export const ENGLISH: Translator = { say: (text) => text, fill: put, counted: () => null }
