/** Stored runs from outside (files, links, other tabs): checked field by field before anything is computed. */
import { SpqrError } from '../../contracts/errors'
import { parseJson } from '../../contracts/json'
import { checkShape, isObject, isReserved } from '../../contracts/outside'
import { equalJson } from '../record/equal'
import { SCORING_PRESETS } from '../presets'
import { checkSeal } from './seal'
import { statedIn, type Stated } from '../../contracts/stated'
import { RunRecordSchema, type RunRecord } from '../../contracts/run'

/** Largest file read: the engine's longest string is about 512 MiB, and JSON of that size fits in memory. */
export const MAX_FILE_BYTES = 500 * 2 ** 20

const again = 'Export the run again with this version, or run it again.'

/** Refuses, before reading, a file that is empty or larger than MAX_FILE_BYTES. `name` is used in errors only. */
export function checkFileSize(bytes: number, name: string): void {
  if (bytes > MAX_FILE_BYTES) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${name} has ${Math.round(bytes / 2 ** 20)} MiB; files of up to ${MAX_FILE_BYTES / 2 ** 20} MiB are read.`,
      'Split the run into shards and score them one by one.',
    )
  }
  if (bytes === 0)
    throw new SpqrError('RECORD_INVALID', `${name} is empty.`, 'Give a report or record written by this program.')
}

/** The record in the text of a JSON file: a RunRecord, a Report, whose `record` it is, or a recorded run with its Report. */
export function readRecordText(text: string, name: string): RunRecord {
  return readSealedText(text, name).record
}

/** A record as it came, whether its file carries a seal that fits, and what a Report around it claims. */
export interface ReadRecord {
  record: RunRecord
  sealed: boolean
  stated: Stated | null
}

export function readSealedText(text: string, name: string): ReadRecord {
  const parsed = parse(text, name)
  const { seal, ...value } = isObject(parsed) ? parsed : { seal: undefined }
  const record = readRecord(isObject(parsed) ? value : parsed, name)
  return { record, sealed: checkSeal(seal, record, name), stated: statedIn(parsed) }
}

function parse(text: string, name: string): unknown {
  const { value, fault } = parseJson(text)
  if (fault === null) return value
  throw new SpqrError(
    'RECORD_INVALID',
    `${name} cannot be read: ${fault}.`,
    'Give a report or record written by this program; a download may have been cut off.',
  )
}

/** Validates parsed JSON. Throws RECORD_INVALID with the first wrong field and where it is. */
export function readRecord(value: unknown, name: string): RunRecord {
  if (!isObject(value))
    throw new SpqrError(
      'RECORD_INVALID',
      `${name} holds no run: it is not a JSON object.`,
      'Give a report or record written by this program.',
    )
  // A recorded run, as the page shows it at second 0, holds its Report beside the sheet of its pictures.
  const report = isObject(value.report) ? value.report : value
  const record = isObject(report.record) ? report.record : report
  if (!('outcomes' in record) && !('spec' in record)) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${name} holds neither a run record nor a report.`,
      'Give a file written by "npm run evaluate", by Export or by "npm run merge".',
    )
  }
  if (record.schema !== 1) {
    const version = typeof record.schema === 'number' ? `version ${record.schema}` : 'an unnumbered version'
    throw new SpqrError(
      'RECORD_INVALID',
      `${name} was written in ${version} of the record format; this program reads version 1.`,
      again,
    )
  }
  const checked = checkShape(RunRecordSchema, record)
  if (checked.fault !== null) throw new SpqrError('RECORD_INVALID', `${name} is wrong at ${checked.fault}.`, again)
  const problem = judgeProblem(checked.value) ?? presetProblem(checked.value.spec)
  if (problem !== null) throw new SpqrError('RECORD_INVALID', `${name}: ${problem}.`, again)
  return checked.value
}

/** What is wrong with the constants: those of a preset that this program knows by name must be the preset's. */
export function presetProblem({ scoring }: RunRecord['spec']): string | null {
  if (scoring.name === 'custom' || equalJson(scoring, SCORING_PRESETS[scoring.name])) return null
  return `it gives the name of the constants "${scoring.name}" to other numbers`
}

/** What is wrong with a record's judges: those of its specification, each once, or its numbers mean something else. */
export function judgeProblem({ spec, judges }: Pick<RunRecord, 'spec' | 'judges'>): string | null {
  const ids = judges.map(({ id }) => id)
  const reserved = ids.find(isReserved)
  if (reserved !== undefined) return `it describes a judge called "${reserved}", which no judge may be called`
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  if (twice !== undefined) return `it describes judge "${twice}" twice`
  const guide = spec.alignment?.kind === 'inference' ? spec.alignment.guidedBy : undefined
  if (guide !== undefined && ids.includes(guide)) return `judge "${guide}" chose its pictures and scores them too`
  const missing = spec.judges.find((id) => !ids.includes(id))
  if (missing !== undefined) return `it does not describe judge "${missing}", which its specification names`
  const stranger = ids.find((id) => !spec.judges.includes(id))
  return stranger === undefined ? null : `it describes judge "${stranger}", which its specification does not name`
}
