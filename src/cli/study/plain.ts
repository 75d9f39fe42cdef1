/**
 * Plain runs that ways of keeping safety are held against. A row of the study has no picture's verdict, so their Reports lie
 * in a folder beside the study's file.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reviveError, type Report } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { sealOf } from '../../core/scoring'
import { writeJson } from '../files'
import { readReport } from '../reportFile'

/** Where a plain run lies: its name, and a hash of what decides it but for the page's version. */
export const plainFile = (study: string, name: readonly (string | number)[], decides: unknown): string =>
  join(`${study.replace(/\.json$/, '')}-plain`, `${[...name, hashOf(decides).slice(0, 12)].join('-')}.json`)

export function keepPlain(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true })
  writeJson(`${file}.new`, { ...report, seal: sealOf(report.record) }, report.counts.planned)
  renameSync(`${file}.new`, file)
}

/** Null where there is none, or one that was changed, which is said: it is made again. */
export function readPlain(file: string): Report | null {
  if (!existsSync(file)) return null
  try {
    return readReport(file, null).report
  } catch (thrown) {
    console.error(`${reviveError(thrown).message} It is made again.`)
    return null
  }
}
