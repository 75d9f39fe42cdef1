/**
 * The regular expressions that PEFT keeps in `alpha_pattern` and `rank_pattern`, matched in time linear in the name
 * (Thompson's construction, simulated as a set of states): a file from outside must not be able to make matching run
 * away, as it can with JavaScript's own engine. Most patterns are plain module names and need no machine at all.
 * A complete RE2 port would add 45 kB to the page for the same handful of signs.
 */
import { SpqrError } from '../contracts/errors'

/** Longest pattern and largest compiled machine accepted. */
const MAX_PATTERN = 1000
const MAX_PROGRAM = 4000
const MAX_DEPTH = 50
/** Most character–state pairs that one table may cost over all modules: well below a second. */
const MAX_WORK = 2e7

type Instruction =
  | { op: 'character'; accepts: (character: string) => boolean }
  | { op: 'split'; a: number; b: number }
  | { op: 'start' | 'end' }
type Node = (program: Instruction[]) => void

class Unreadable extends Error {}

function emit(program: Instruction[], instruction: Instruction): void {
  if (program.length >= MAX_PROGRAM) throw new Unreadable()
  program.push(instruction)
}

const any = (): boolean => true
const CLASSES: Record<string, (character: string) => boolean> = {
  d: (c) => c >= '0' && c <= '9',
  w: (c) => c === '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'),
  s: (c) => c.trim() === '',
}

/** Recursive descent over the signs that Python and JavaScript read alike; everything else is refused. */
class Parser {
  private at = 0
  private depth = 0
  constructor(private readonly text: string) {}

  parse(): Node {
    const node = this.alternatives()
    if (this.at < this.text.length) throw new Unreadable()
    return node
  }

  private alternatives(): Node {
    if (++this.depth > MAX_DEPTH) throw new Unreadable()
    const branches = [this.sequence()]
    while (this.text[this.at] === '|') {
      this.at++
      branches.push(this.sequence())
    }
    this.depth--
    return branches.reduceRight((rest, first) => either(first, rest))
  }

  private sequence(): Node {
    const items: Node[] = []
    while (this.at < this.text.length && !'|)'.includes(this.text[this.at]!)) items.push(this.repeated())
    // An empty branch still takes a place, so that repeating it cannot go on unnoticed.
    if (items.length === 0)
      return (program) => emit(program, { op: 'split', a: program.length + 1, b: program.length + 1 })
    return (program) => items.forEach((item) => item(program))
  }

  private repeated(): Node {
    let item = this.single()
    for (let sign = this.text[this.at]; sign !== undefined && '*+?{'.includes(sign); sign = this.text[this.at]) {
      const [least, most, length] = this.count(sign)
      this.at += length
      item = repeat(item, least, most)
      // A lazy quantifier matches the same names; a second quantifier of any other kind is no pattern.
      if (this.text[this.at] === '?') this.at++
      if ('*+?{'.includes(this.text[this.at] ?? ' ')) throw new Unreadable()
    }
    return item
  }

  private count(sign: string): [least: number, most: number, length: number] {
    if (sign !== '{') return [sign === '+' ? 1 : 0, sign === '?' ? 1 : Infinity, 1]
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.text.slice(this.at, this.at + 16))
    if (!match) throw new Unreadable()
    const least = Number(match[1])
    const most = match[2] === undefined ? least : match[3] === '' ? Infinity : Number(match[3])
    if (most < least) throw new Unreadable()
    return [least, most, match[0].length]
  }

  private single(): Node {
    const sign = this.text[this.at++]!
    if (sign === '.') return character(any)
    if (sign === '^') return (program) => emit(program, { op: 'start' })
    if (sign === '$') return (program) => emit(program, { op: 'end' })
    if (sign === '[') return character(this.set())
    if (sign === '\\') return character(this.escape())
    if ('*+?{}]'.includes(sign)) throw new Unreadable()
    if (sign !== '(') return character((c) => c === sign)
    if (this.text.startsWith('?:', this.at)) this.at += 2
    else if (this.text[this.at] === '?') throw new Unreadable()
    const inner = this.alternatives()
    if (this.text[this.at++] !== ')') throw new Unreadable()
    return inner
  }

  private escape(): (character: string) => boolean {
    const sign = this.text[this.at++] ?? ''
    const known = CLASSES[sign.toLowerCase()]
    if (known && Object.hasOwn(CLASSES, sign.toLowerCase())) return sign in CLASSES ? known : (c) => !known(c)
    if (sign === '' || /\w/.test(sign)) throw new Unreadable()
    return (c) => c === sign
  }

  private set(): (character: string) => boolean {
    const negated = this.text[this.at] === '^'
    if (negated) this.at++
    const tests: ((character: string) => boolean)[] = []
    while (this.text[this.at] !== ']' || tests.length === 0) {
      const sign = this.text[this.at++]
      if (sign === undefined || sign === '[') throw new Unreadable()
      if (sign === '\\') tests.push(this.escape())
      else if (this.text[this.at] === '-' && (this.text[this.at + 1] ?? ']') !== ']') {
        const last = this.text[this.at + 1]!
        if (last === '\\' || last < sign) throw new Unreadable()
        this.at += 2
        tests.push((c) => c >= sign && c <= last)
      } else tests.push((c) => c === sign)
    }
    this.at++
    return (c) => tests.some((accepts) => accepts(c)) !== negated
  }
}

const character =
  (accepts: (character: string) => boolean): Node =>
  (program) =>
    emit(program, { op: 'character', accepts })

/** `a|b`: `b` is reached by the split, `a` jumps over it through a split with one target. */
function either(first: Node, second: Node): Node {
  return (program) => {
    const split = { op: 'split' as const, a: program.length + 1, b: 0 }
    emit(program, split)
    first(program)
    const jump = { op: 'split' as const, a: 0, b: 0 }
    emit(program, jump)
    split.b = program.length
    second(program)
    jump.a = jump.b = program.length
  }
}

function repeat(item: Node, least: number, most: number): Node {
  return (program) => {
    for (let i = 0; i < least; i++) item(program)
    if (most === Infinity) {
      const split = { op: 'split' as const, a: program.length + 1, b: 0 }
      emit(program, split)
      item(program)
      emit(program, { op: 'split', a: split.a - 1, b: split.a - 1 })
      split.b = program.length
    } else {
      for (let i = least; i < most; i++) {
        const split = { op: 'split' as const, a: program.length + 1, b: 0 }
        emit(program, split)
        item(program)
        split.b = program.length
      }
    }
  }
}

/** Whether a program accepts a whole text. The marks are kept between texts: one machine is asked many times. */
function machine(program: readonly Instruction[]): (text: string) => boolean {
  const marks = new Uint32Array(program.length + 1)
  let [now, next, stack]: [number[], number[], number[]] = [[], [], []]
  let generation = 0
  /** Adds the states reached from `from` without reading a character. */
  const reach = (from: number, atStart: boolean, atEnd: boolean, into: number[]): void => {
    stack.push(from)
    while (stack.length > 0) {
      const state = stack.pop()!
      if (marks[state] === generation) continue
      marks[state] = generation
      const instruction = program[state]
      if (instruction?.op === 'split') stack.push(instruction.b, instruction.a)
      else if (instruction?.op === 'start' || instruction?.op === 'end') {
        if (instruction.op === 'start' ? atStart : atEnd) stack.push(state + 1)
      } else into.push(state)
    }
  }
  return (text) => {
    stack = []
    now = []
    generation++
    reach(0, true, text.length === 0, now)
    for (let i = 0; i < text.length && now.length > 0; i++) {
      next = []
      generation++
      for (const state of now) {
        const instruction = program[state]
        if (instruction?.op === 'character' && instruction.accepts(text[i]!))
          reach(state + 1, false, i + 1 === text.length, next)
      }
      now = next
    }
    return now.includes(program.length)
  }
}

interface Pattern {
  value: number
  cost: number
  matches: (module: string) => boolean
}

/** A plain name, `^` before it or `$` behind it allowed; its dots match any character, as PEFT's do. */
function plain(pattern: string): ((module: string) => boolean) | null {
  const match = /^(\^?)([\w.-]+)(\$?)$/.exec(pattern)
  if (!match) return null
  const [, anchored, name = ''] = match
  return (module) => {
    const start = module.length - name.length
    if (start < 0 || (start > 0 && (anchored || module[start - 1] !== '.'))) return false
    for (let i = name.length - 1; i >= 0; i--) if (name[i] !== '.' && name[i] !== module[start + i]) return false
    return true
  }
}

function compile(field: string, pattern: string, value: number): Pattern {
  const simple = plain(pattern)
  if (simple) return { value, cost: 1, matches: simple }
  try {
    if (pattern.length > MAX_PATTERN) throw new Unreadable()
    const inner = new Parser(pattern).parse()
    const program: Instruction[] = []
    // PEFT asks whether (.*\.)?(pattern)$ matches from the beginning of the module's name.
    const dot = character((c) => c === '.')
    const prefix: Node = (into) => [repeat(character(any), 0, Infinity), dot].forEach((node) => node(into))
    ;[repeat(prefix, 0, 1), inner].forEach((node) => node(program))
    return { value, cost: program.length, matches: machine(program) }
  } catch (thrown) {
    if (!(thrown instanceof Unreadable)) throw thrown
    throw new SpqrError(
      'ADAPTER_INVALID',
      `The ${field} "${pattern.slice(0, 80)}" is no regular expression that this page reads.`,
      'Correct it in adapter_config.json, or merge the adapter with PEFT first.',
    )
  }
}

/** Value for a module: that of the first pattern that matches its name (PEFT's `get_pattern_key`); null when none does. */
export type PatternTable = (...names: readonly string[]) => number | null

/**
 * Reads PEFT's `alpha_pattern` or `rank_pattern`. The answer is asked with the module's name as PEFT sees it, or with
 * several such names of one module.
 * @throws SpqrError ADAPTER_INVALID for a table, value or pattern that cannot be read
 */
export function patternTable(field: string, table: unknown): PatternTable {
  if (table === undefined || table === null) return () => null
  const rows = typeof table === 'object' && !Array.isArray(table) ? Object.entries(table) : null
  if (!rows || rows.some(([, value]) => typeof value !== 'number' || !Number.isFinite(value)))
    throw new SpqrError(
      'ADAPTER_INVALID',
      `The ${field} of the adapter is no table of numbers.`,
      'Save it again with PEFT.',
    )
  const patterns = rows.map(([pattern, value]) => compile(field, pattern, value as number))
  let work = 0
  return (...names) => {
    for (const { value, cost, matches } of patterns) {
      for (const name of names) {
        work += cost === 1 ? 8 : cost * name.length
        if (work > MAX_WORK)
          throw new SpqrError(
            'ADAPTER_INVALID',
            `The ${field} of the adapter holds more or longer patterns than this page matches.`,
            'Merge the adapter with PEFT first.',
          )
        if (matches(name)) return value
      }
    }
    return null
  }
}
