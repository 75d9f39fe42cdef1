/**
 * The numbers of a link of format v2: judges' scores as they are, in the fewest bits; features of quality judges rounded
 * to a step that is small against their spread. One function writes and reads.
 */
import { SpqrError } from '../../core/contracts'
import { PROBABILITY_STEPS } from '../../core/scoring/grid'
import { BitReader, BitWriter, bitLength, type BitCoder } from './bitCoder'
import { invalidLink } from './mangled'
import type { OutcomeColumns } from './shareColumns'

type JudgeColumn = OutcomeColumns['judges'][number]
/** A judge's column without its numbers; `step`: of features, in steps of the record's own grid. */
export interface ColumnShape extends Omit<JudgeColumn, 'values' | 'legible'> {
  legible: boolean
  step: number
}

/**
 * Steps of rounded features in the root mean square of their spread: rounding then adds 1/12·72⁻² = 1/62,208 of the
 * features' own variance to the trace that FID compares.
 */
const STEPS_IN_SPREAD = 72
/** Features of few pictures are not rounded: they take little room, and a few matter more to KID. */
const EXACT_FEATURES = 2_048
/** Most numbers a link may hold, beside some for each of its bytes: what is cheap to write must not be dear to read. */
const [NUMBERS_BASE, NUMBERS_PER_BYTE] = [1_000_000, 64]
/** Contexts of each column are apart from those of the others. */
const COLUMN = 4_096
/** Within a column: judged high or not, distances from the near end, legibility, features. */
const [HIGH, DISTANCE, LEGIBLE, OTHER] = [0, 512, 1_024, 1_536]

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)]
  while (y > 0) [x, y] = [y, x % y]
  return x
}

/** Largest step, in units of the grid, that all whole numbers are multiples of; 0 of zeros alone. */
export const commonStep = (values: readonly number[]): number => values.reduce(greatestCommonDivisor, 0)

/**
 * Step of features [rows × width] in grid units: a 72nd of the root mean square, over dimensions, of their standard
 * deviations. Features that are multiples of some step already, as those from another link are, keep that one.
 */
function featureStep(values: readonly number[], width: number): number {
  if (values.length <= EXACT_FEATURES) return 1
  const rows = values.length / width
  const common = commonStep(values)
  if (common > 1) return common
  let variance = 0
  for (let j = 0; j < width; j++) {
    let [sum, squares] = [0, 0]
    for (let i = 0; i < rows; i++) {
      const value = values[i * width + j] ?? 0
      sum += value
      squares += value * value
    }
    variance += Math.max(0, squares / rows - (sum / rows) ** 2)
  }
  return Math.max(1, Math.floor(Math.sqrt(variance / width) / STEPS_IN_SPREAD))
}

export function shapeOf({ id, kind, rows, width, values, legible }: JudgeColumn): ColumnShape {
  return {
    ...{ id, kind, rows, width },
    legible: legible !== null,
    step: kind === 'features' ? featureStep(values, width) : 1,
  }
}

/** A probability in grid units, as which end it is near to and how far from it. */
function probability(coder: BitCoder, high: number, distance: number, value: number): number {
  const near = coder.bit(high, value * 2 > PROBABILITY_STEPS)
  const away = coder.whole(distance + (near ? 1 : 0), near ? PROBABILITY_STEPS - value : value)
  return near ? PROBABILITY_STEPS - away : away
}

/** What the same score of the judge before says of this one. */
function classOf(other: number | undefined): number {
  if (other === undefined) return 0
  const near = other * 2 > PROBABILITY_STEPS
  const away = near ? PROBABILITY_STEPS - other : other
  return 1 + 2 * Math.min(7, Math.floor(bitLength(Math.max(0, away) + 1) / 3)) + (near ? 1 : 0)
}

function safetyColumn(coder: BitCoder, base: number, shape: ColumnShape, given: readonly number[], before: number[]) {
  const count = countOf(shape)
  const values: number[] = []
  for (let i = 0; i < count; i++) {
    const kind = classOf(before[i])
    const high = (base + HIGH + (kind === 0 ? 32 + Math.min(63, i % shape.width) : kind)) * 256
    values.push(probability(coder, high, base + DISTANCE + 2 * kind, given[i] ?? 0))
  }
  return values
}

function legibility(coder: BitCoder, base: number, rows: number, given: JudgeColumn['legible']): (number | null)[] {
  return Array.from({ length: rows }, (_, i) => {
    const value = given?.[i] ?? null
    if (!coder.bit((base + LEGIBLE) * 256, value !== null)) return null
    return probability(coder, (base + LEGIBLE + 1) * 256, base + LEGIBLE + 2, value ?? 0)
  })
}

/** Around the mean of the rows before, at a cost that follows how far those were from theirs. */
function featureColumn(coder: BitCoder, base: number, shape: ColumnShape, given: readonly number[]): number[] {
  const { width, step } = shape
  const rows = countOf(shape) / Math.max(1, width)
  const sums = new Array<number>(width).fill(0)
  const spreads = new Array<number>(width).fill(0)
  const values: number[] = []
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) {
      const mean = i === 0 ? 0 : Math.round((sums[j] ?? 0) / i)
      const spread = i < 2 ? 30 : (spreads[j] ?? 0) / (i - 1)
      const context = base + OTHER + Math.min(60, bitLength(Math.floor((spread + 1) ** 2)))
      const rounded = Math.round((given[i * width + j] ?? 0) / step)
      const value = coder.signed(context, rounded - mean) + mean
      sums[j] = (sums[j] ?? 0) + value
      if (i > 0) spreads[j] = (spreads[j] ?? 0) + Math.abs(value - mean)
      values.push(value * step)
    }
  }
  return values
}

const rowsOf = ({ rows }: ColumnShape): number =>
  rows.reduce((total, length, i) => total + (i % 2 === 1 ? length : 0), 0)
const countOf = (shape: ColumnShape): number => rowsOf(shape) * shape.width

function codeColumns(coder: BitCoder, shapes: readonly ColumnShape[], given: readonly JudgeColumn[]): JudgeColumn[] {
  let before: number[] = []
  return shapes.map((shape, which): JudgeColumn => {
    const { id, kind, rows, width } = shape
    const base = (which + 1) * COLUMN
    const from = given[which]?.values ?? []
    let values: number[]
    if (kind === 'safety-multilabel') {
      const pair = before.length === countOf(shape) ? before : []
      values = safetyColumn(coder, base, shape, from, pair)
      before = values
    } else if (kind === 'features') values = featureColumn(coder, base, shape, from)
    else values = Array.from({ length: countOf(shape) }, (_, i) => coder.signed(base + OTHER, from[i] ?? 0))
    const legible = shape.legible ? legibility(coder, base, rowsOf(shape), given[which]?.legible ?? null) : null
    return { id, kind, rows, width, values, legible }
  })
}

function numbersOf(shapes: readonly ColumnShape[]): number {
  return shapes.reduce((total, shape) => total + countOf(shape) + rowsOf(shape), 0)
}

/** The columns' numbers as bytes. @throws {SpqrError} LINK_TOO_LARGE */
export function writeValues(columns: readonly JudgeColumn[]): Uint8Array {
  const shapes = columns.map(shapeOf)
  const writer = new BitWriter()
  codeColumns(writer, shapes, columns)
  const bytes = Uint8Array.from(writer.bytes())
  if (numbersOf(shapes) > NUMBERS_BASE + NUMBERS_PER_BYTE * bytes.length)
    throw new SpqrError('LINK_TOO_LARGE', 'The run is too large for a link.', 'Export the report as a file instead.')
  return bytes
}

/** Columns of `shapes` from their bytes. @throws {SpqrError} LINK_INVALID, LINK_TOO_LARGE */
export function readValues(shapes: readonly ColumnShape[], bytes: Uint8Array): JudgeColumn[] {
  if (numbersOf(shapes) > NUMBERS_BASE + NUMBERS_PER_BYTE * bytes.length)
    throw new SpqrError(
      'LINK_TOO_LARGE',
      'The result link names more numbers than it can hold.',
      'Ask for the exported report file instead.',
    )
  const reader = new BitReader(bytes)
  const columns = codeColumns(reader, shapes, [])
  if (!reader.done) throw invalidLink('its numbers do not fit its data')
  return columns
}
