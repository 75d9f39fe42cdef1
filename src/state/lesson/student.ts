/** One student a browser: the seed that makes their result their own, and what they guessed and wrote. */
import * as v from 'valibot'
import { LESSON_SCREENS } from '../../evaluation/lesson/lessonLink'
import { MAX_ANSWER } from '../../evaluation/lesson/ticket'

const KEY = 'spqr-lesson'

const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000))
const GuessSchema = v.pipe(
  v.strictObject({ guess: whole, of: whole }),
  v.check(({ guess, of }) => guess <= of, 'is no share'),
)
const StudentSchema = v.strictObject({
  seed: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffffffff)),
  screen: v.picklist(LESSON_SCREENS),
  guesses: v.record(v.string(), GuessSchema),
  answers: v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_ANSWER))), v.maxLength(3)),
})
export type Student = v.InferOutput<typeof StudentSchema>

/** Where it is kept: the browser's localStorage, which private windows may refuse. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem'>

/** A seed that no neighbour has: 32 random bits, never 0, which is the page's own. */
export function freshSeed(random: (values: Uint32Array<ArrayBuffer>) => Uint32Array = fill): number {
  const [seed] = random(new Uint32Array(1))
  return seed ? seed : 1
}

const fill = (values: Uint32Array<ArrayBuffer>): Uint32Array => crypto.getRandomValues(values)

/** The student of this browser; a new one where there is none, or where what is stored cannot be read. */
export function readStudent(shelf: Shelf | null): Student {
  try {
    const stored = v.safeParse(StudentSchema, JSON.parse(shelf?.getItem(KEY) ?? 'null'))
    if (stored.success) return stored.output
  } catch {
    // What is no JSON was not written by this page.
  }
  return { seed: freshSeed(), screen: 'wall', guesses: {}, answers: ['', '', ''] }
}

/** Keeps the student; false when the browser refuses, and what was written then lasts until the tab closes. */
export function keepStudent(shelf: Shelf | null, student: Student): boolean {
  try {
    shelf?.setItem(KEY, JSON.stringify(student))
    return shelf !== null
  } catch {
    return false
  }
}
