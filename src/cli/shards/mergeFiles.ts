/**
 * Merges files of one run into one, whatever their size together: they are read one by one, and their outcomes are sorted
 * on the disk, first by unit (the same unit of two files stands once), then into the record's order.
 */
import type { Outcome } from '../../core/contracts'
import {
  DoubleCheck,
  HeaderMerge,
  inCanonicalOrder,
  SealWriter,
  type PlacedOutcome,
  type RecordHeader,
} from '../../core/scoring'
import { readShardText, ShardCheck } from '../../core/shards'
import { readText } from '../files'
import { writeAtomically } from './atomic'
import { Spill } from './spill'

export interface MergedFile {
  images: number
  failed: number
  planned: number
  notes: string[]
  /** What is missing, one sentence each. */
  missing: string[]
}

const byUnit = (a: PlacedOutcome, b: PlacedOutcome) =>
  a.outcome.unitId < b.outcome.unitId ? -1 : a.outcome.unitId > b.outcome.unitId ? 1 : 0

/** @throws {SpqrError} for files that do not belong together, before anything is written */
export async function mergeFiles(files: readonly string[], out: string, held?: number): Promise<MergedFile> {
  const units = new Spill(byUnit, out, held)
  const ordered = new Spill<Outcome>(inCanonicalOrder, out, held)
  try {
    const { header, missing } = await readAll(files, units)
    const counts = await distinct(units, ordered)
    const whole = header.finish(counts.images)
    await writeAtomically(out, recordPieces(whole, ordered))
    return {
      images: counts.images,
      failed: counts.failed,
      planned: whole.planned,
      notes: header.notes(counts.recovered),
      missing: missing.length > 0 || counts.images >= whole.planned ? missing : [missingImages(counts.images, whole)],
    }
  } finally {
    units.end()
    ordered.end()
  }
}

const missingImages = (images: number, { planned }: RecordHeader) =>
  `${planned - images} of the run's ${planned} images are missing.`

async function readAll(
  files: readonly string[],
  units: Spill<PlacedOutcome>,
): Promise<{ header: HeaderMerge; missing: string[] }> {
  const header = new HeaderMerge()
  const check = new ShardCheck()
  for (const name of files) {
    const text = readText(name)
    const { record, file } = readShardText(text, `"${name}"`)
    header.add(name, record)
    if (file) check.add(name, file)
    const size = text.length / Math.max(1, record.outcomes.length)
    for (const outcome of record.outcomes) await units.add({ outcome, from: name }, size)
  }
  return { header, missing: check.finish() }
}

/** Every unit once, into the order of the record. */
async function distinct(
  units: Spill<PlacedOutcome>,
  ordered: Spill<Outcome>,
): Promise<{ images: number; failed: number; recovered: number }> {
  const doubles = new DoubleCheck()
  let [images, failed] = [0, 0]
  let last: PlacedOutcome | null = null
  const keep = async ({ outcome }: PlacedOutcome) => {
    images += 1
    if (outcome.status === 'failed') failed += 1
    await ordered.add(outcome, JSON.stringify(outcome).length)
  }
  for await (const next of units.sorted()) {
    if (last && last.outcome.unitId === next.outcome.unitId) last = doubles.stands(last, next)
    else {
      if (last) await keep(last)
      last = next
    }
  }
  if (last) await keep(last)
  return { images, failed, recovered: doubles.finish() }
}

/** The record's JSON, one outcome a line, and its seal, which is known only behind the last. */
async function* recordPieces(header: RecordHeader, ordered: Spill<Outcome>): AsyncGenerator<string> {
  const seal = new SealWriter(header)
  yield `${JSON.stringify(header).slice(0, -1)},"outcomes":[\n`
  let first = true
  for await (const outcome of ordered.sorted()) {
    seal.add(outcome)
    yield `${first ? '' : ',\n'}${JSON.stringify(outcome)}`
    first = false
  }
  yield `\n],"seal":${JSON.stringify(seal.finish())}}\n`
}
