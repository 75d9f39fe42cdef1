/**
 * How a run is stored: a header, batches of outcomes, pictures, and what tells whether they are as they were written:
 * a sum beside every batch, and a copy of the header that carries its hash and takes its place when it is damaged.
 * Runs of versions before 0.2 have neither sums nor copy.
 */
import * as v from 'valibot'
import { OutcomeSchema, RunRecordSchema, checkShape, type Outcome, type RunRecord } from '../../core/contracts'
import { conditionsOf, judgeProblem, lastAttempts, presetProblem } from '../../core/scoring'
import { digestHex } from '../events'
import { UnreadableRun, versionError } from './runErrors'

export const HeaderSchema = v.strictObject({
  record: v.omit(RunRecordSchema, ['outcomes']),
  /** Outcome batches stored under `outcomes:<run>:<index>`. */
  batches: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e6)),
  done: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Of `done`, second attempts of a unit; absent in stores of older versions: none. */
  again: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Of outcomes (as JSON) and pictures. */
  bytes: v.pipe(v.number(), v.minValue(0)),
})
export type Header = v.InferOutput<typeof HeaderSchema>

export const ImageSchema = v.strictObject({
  unitId: v.string(),
  width: v.pipe(v.number(), v.integer(), v.minValue(1)),
  height: v.pipe(v.number(), v.integer(), v.minValue(1)),
  rgb: v.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
  sha256: v.string(),
})

const CopySchema = v.strictObject({ header: v.unknown(), sha256: v.string() })
const OutcomesSchema = v.array(OutcomeSchema)

const number = (index: number) => String(index).padStart(7, '0')
export const headerKey = (run: string) => `run:${run}`
export const copyKey = (run: string) => `copy:${run}`
export const batchKey = (run: string, index: number) => `outcomes:${run}:${number(index)}`
export const sumKey = (run: string, index: number) => `sum:${run}:${number(index)}`
export const imageKey = (unit: string) => `image:${unit}`

/** Whether a key belongs to a run and not to its pictures. */
export const isOf = (run: string, key: string): boolean =>
  key === headerKey(run) || key === copyKey(run) || key.startsWith(`outcomes:${run}:`) || key.startsWith(`sum:${run}:`)

const hashOf = (value: unknown): Promise<string> => digestHex(new TextEncoder().encode(JSON.stringify(value)))
/** A batch of another run or place is another batch, so both are part of the sum. */
const sumOf = (run: string, index: number, outcomes: unknown) => hashOf([run, index, outcomes])

export type Entry = [string, unknown]

export async function headerEntries(header: Header): Promise<Entry[]> {
  const { id } = header.record
  return [
    [headerKey(id), header],
    [copyKey(id), { header, sha256: await hashOf(header) }],
  ]
}

export async function batchEntries(run: string, index: number, outcomes: readonly Outcome[]): Promise<Entry[]> {
  return [
    [batchKey(run, index), outcomes],
    [sumKey(run, index), await sumOf(run, index, outcomes)],
  ]
}

/**
 * The header of a run as it was written: the stored one, or its copy. `damage`: what was wrong with it, `sealed`: it has
 * a hash. @throws SpqrError RECORD_INVALID when neither checks, or the run is of another version
 */
export async function readHeader(
  run: string,
  stored: unknown,
  copy: unknown,
): Promise<{ header: Header; damage: string | null; sealed: boolean }> {
  checkVersion(run, stored)
  const main = ofRun(run, stored)
  if (copy === undefined && main.header) return { header: main.header, damage: null, sealed: false }
  const spare = v.safeParse(CopySchema, copy)
  const seal = spare.success ? spare.output.sha256 : null
  if (main.header && seal === (await hashOf(stored))) return { header: main.header, damage: null, sealed: true }
  const damage = main.damage ?? 'header: it is not as it was written'
  // A copy that does not even fit its own hash says nothing about the header.
  const intact = spare.success && seal === (await hashOf(spare.output.header))
  const { header } = intact ? ofRun(run, spare.output.header) : { header: null }
  if (header) return { header, damage, sealed: true }
  if (main.header) return { header: main.header, damage: 'the copy of its header', sealed: false }
  throw new UnreadableRun(run, damage)
}

function ofRun(run: string, stored: unknown): { header: Header; damage: null } | { header: null; damage: string } {
  const checked = checkShape(HeaderSchema, stored)
  if (checked.fault !== null) return { header: null, damage: `header: ${checked.fault}` }
  if (checked.value.record.id !== run) return { header: null, damage: 'header: id differs from its key' }
  const { record } = checked.value
  const problem = judgeProblem(record) ?? presetProblem(record.spec)
  return problem === null ? { header: checked.value, damage: null } : { header: null, damage: `header: ${problem}` }
}

/** A batch as it was written; else what is wrong with it. */
export async function readBatch(
  run: string,
  index: number,
  stored: unknown,
  sum: unknown,
): Promise<{ outcomes: Outcome[]; damage: null } | { outcomes: null; damage: string }> {
  const checked = checkShape(OutcomesSchema, stored)
  if (checked.fault !== null) return { outcomes: null, damage: `batch ${index}: ${checked.fault}` }
  if (sum !== undefined && sum !== (await sumOf(run, index, stored)))
    return { outcomes: null, damage: `batch ${index}: it is not as it was written` }
  return { outcomes: checked.value, damage: null }
}

function checkVersion(run: string, stored: unknown): void {
  const found = v.safeParse(v.object({ record: v.object({ schema: v.number() }) }), stored)
  if (found.success && found.output.record.schema !== 1) throw versionError(run, found.output.record.schema)
}

/** A run as it is stored, or should be. */
export interface Kept {
  header: Header
  /** Outcomes of each batch; null where it was lost. */
  batches: (Outcome[] | null)[]
}

export function recordOf({ header, batches }: Kept): RunRecord {
  return { ...header.record, outcomes: lastAttempts(batches.flatMap((batch) => batch ?? [])) }
}

/** What must be equal for a unit of one run to have the picture and scores of the same unit in another. */
export function sharedBy({ environment, judges }: Omit<RunRecord, 'outcomes'>): string {
  return JSON.stringify([conditionsOf(environment), ...judges.map(({ id, sha256 }) => [id, sha256]).sort()])
}
