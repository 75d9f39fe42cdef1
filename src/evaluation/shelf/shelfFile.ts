/**
 * The shelf as one file: JSON Lines, gzipped. The first line says what it is; every other line is one run: what a person
 * wrote on it, and the sealed file of its Report. A damaged line is refused by name, and the others are read.
 */
import * as v from 'valibot'
import { MAX_FILE_BYTES } from '../../core/scoring'
import { SHELF_LIMITS, ShelfLabelSchema, SpqrError, checkShape, parseJson, type ShelfLabel } from '../../core/contracts'

const FORMAT = 'spqr-shelf'
const HeadSchema = v.object({ format: v.literal(FORMAT), version: v.number(), runs: v.number() })
const LineSchema = v.strictObject({
  ...ShelfLabelSchema.entries,
  kind: v.picklist(['run', 'import', 'link']),
  report: v.string(),
})

/** Largest shelf that is read, unpacked. */
const MAX_BYTES = 4 * MAX_FILE_BYTES

export interface ShelfRecord {
  label: ShelfLabel
  kind: 'run' | 'import' | 'link'
  /** The text of an exported Report. */
  report: string
}

export const headLine = (runs: number): string => `${JSON.stringify({ format: FORMAT, version: 1, runs })}\n`
export const recordLine = ({ label, kind, report }: ShelfRecord): string =>
  `${JSON.stringify({ ...label, kind, report })}\n`

/** Whether a file of this beginning is a shelf, gzipped or not. */
export async function isShelf(file: Blob): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 32).arrayBuffer())
  if (start[0] === 0x1f && start[1] === 0x8b) return true
  return new TextDecoder().decode(start).startsWith(`{"format":"${FORMAT}"`)
}

/** What a line of a shelf gave: a run, or why there is none. */
export type ReadLine = { record: ShelfRecord; fault: null } | { record: null; name: string; fault: string }

/**
 * The runs of a shelf file, one by one, damaged ones with their fault.
 * @throws {SpqrError} RECORD_INVALID when the file is no shelf, of a newer format, or too large
 */
export async function* readShelf(file: Blob, name: string): AsyncGenerator<ReadLine> {
  let number = 0
  let promised = 0
  for await (const line of linesOf(file, name)) {
    if (line === null) {
      yield {
        record: null,
        name: `Run ${number}`,
        fault: 'the file is cut off or damaged here, and nothing behind it can be read',
      }
      return
    }
    if (line.trim() === '') continue
    if (number === 0) promised = readHead(line, name)
    else if (number > SHELF_LIMITS.runs) throw tooLarge(name)
    else yield readLine(line, number)
    number++
  }
  if (number === 0) throw noShelf(name)
  if (number - 1 < promised)
    yield { record: null, name: `${promised - number + 1} more`, fault: 'the file names them and ends before them' }
}

function readHead(line: string, name: string): number {
  const { value } = parseJson(line)
  const head = v.safeParse(HeadSchema, value)
  if (!head.success) throw noShelf(name)
  if (head.output.version === 1) return head.output.runs
  throw new SpqrError(
    'RECORD_INVALID',
    `${name} was written in version ${head.output.version} of the shelf's format; this page reads version 1.`,
    'Open it with the version of the page that wrote it, or a newer one.',
  )
}

function readLine(line: string, number: number): ReadLine {
  const parsed = parseJson(line)
  const named = v.safeParse(v.object({ name: v.string() }), parsed.value)
  const name = named.success ? `“${named.output.name.slice(0, 60)}”` : `Run ${number}`
  if (parsed.fault !== null) return { record: null, name, fault: parsed.fault }
  const checked = checkShape(LineSchema, parsed.value)
  if (checked.fault !== null) return { record: null, name, fault: `it is wrong at ${checked.fault}` }
  const { kind, report, ...label } = checked.value
  return { record: { label, kind, report }, fault: null }
}

/** The lines of a file; null in the place of what cannot be unpacked. */
async function* linesOf(file: Blob, name: string): AsyncGenerator<string | null> {
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer())
  const packed = start[0] === 0x1f && start[1] === 0x8b
  const bytes = packed ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream()
  const reader = bytes.getReader()
  const decoder = new TextDecoder()
  let [rest, total] = [[] as string[], 0]
  for (;;) {
    const read = await reader.read().catch(() => null)
    if (read === null) {
      yield null
      return
    }
    if (read.done) break
    total += read.value.length
    if (total > MAX_BYTES) throw tooLarge(name)
    const [first = '', ...more] = decoder.decode(read.value, { stream: true }).split('\n')
    rest.push(first)
    for (const part of more) {
      yield rest.join('')
      rest = [part]
    }
  }
  yield rest.join('')
}

const noShelf = (name: string) =>
  new SpqrError(
    'RECORD_INVALID',
    `${name} is no shelf of runs: its first line does not say so.`,
    'Choose a file that "Save all runs" wrote, or a report.',
  )
const tooLarge = (name: string) =>
  new SpqrError(
    'RECORD_INVALID',
    `${name} holds more than ${SHELF_LIMITS.runs} runs or ${MAX_BYTES / 2 ** 20} MiB.`,
    'Save the runs in smaller parts.',
  )
