/**
 * Plain runs that ways of keeping safety are held against. A row of the study has no picture's verdict, so their Reports lie
 * in a folder beside the study's file.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Report } from '../../core/contracts'
import { sealOf } from '../../core/scoring'
import { writeJson } from '../files'
import { readReport } from '../reportFile'
import type { Cell } from './board'

/** Where the plain run of a cell and seed lies, whatever the cell's own mitigation is. */
export const plainFile = (
  study: string,
  { method, profile, scenario, heldOut = 0 }: Cell,
  sampler: string,
  seed: number,
): string =>
  join(
    `${study.replace(/\.json$/, '')}-plain`,
    `${method}-${profile}-${scenario}-${sampler}-${heldOut}-held-out-${seed}.json`,
  )

export function keepPlain(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true })
  writeJson(file, { ...report, seal: sealOf(report.record) }, report.counts.planned)
}

/** @throws {SpqrError} RECORD_INVALID for a file that was changed */
export const readPlain = (file: string): Report | null => (existsSync(file) ? readReport(file, null).report : null)
