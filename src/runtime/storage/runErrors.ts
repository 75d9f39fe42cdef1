/** What the run store has to say, one sentence each. */
import { SpqrError } from '../../core/contracts'

const short = (run: string): string => run.slice(0, 8)

export function refusedError(cause: unknown): SpqrError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SpqrError(
    'STORAGE_FULL',
    `The browser keeps no more data (${reason}); results stay in memory until this tab closes.`,
    'Free space or remove old runs, and export this report before you close the tab.',
  )
}

/** A run that goes on, and whose stored copy is gone. */
export function removedError(): SpqrError {
  return new SpqrError(
    'RECORD_INVALID',
    'What this browser had stored of the run was removed while it goes on: its site data was cleared, or another tab deleted it. The run goes on in memory until this tab closes.',
    'Export the report as a file when the run is done.',
  )
}

export function missingError(run: string): SpqrError {
  return new SpqrError('RECORD_INVALID', `Run ${short(run)} is not in the store any more.`, 'Start the run again.')
}

/** A run of which nothing can be read. */
export class UnreadableRun extends SpqrError {
  constructor(run: string, what: string) {
    super(
      'RECORD_INVALID',
      `The stored run ${short(run)} is damaged: ${what}.`,
      'Remove this run, or start it again: then all of it is made again. Other runs are not affected.',
    )
  }
}

/** A run of which a part can be read; `lost`: results that cannot. */
export function partlyDamagedError(run: string, [first, ...more]: readonly string[], lost: number): SpqrError {
  return new SpqrError(
    'RECORD_INVALID',
    `The stored run ${short(run)} was damaged (${first}${more.length > 0 ? ` and ${more.length} more` : ''}). What checks is kept.`,
    lost > 0 ? `Its other ${lost} results are made again when the run goes on.` : 'Nothing of it was lost.',
  )
}

/** A run of another version of this page is no damaged one: it says so, and what to do. */
export function versionError(run: string, version: number): SpqrError {
  return new SpqrError(
    'RECORD_INVALID',
    `The stored run ${short(run)} was written in version ${version} of the record format; this page reads version 1.`,
    'Open it with the version of the page that made it and export it, or remove it and start the run again.',
  )
}
