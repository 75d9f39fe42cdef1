/** Plain runs beside a study's file: kept whole, and refused when changed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { keepPlain, plainFile, readPlain } from '../../../../src/cli/study/plain'
import { readReport } from '../../../../src/cli/reportFile'

const folder = mkdtempSync(join(tmpdir(), 'plain-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a plain run is read as it was kept, whatever the mitigation of the cell that asks', () => {
  const cell = { method: 'spm', profile: 'standard', scenario: 'general', heldOut: 64 }
  const file = plainFile(join(folder, 'study.json'), { ...cell, mitigation: 'ema' }, 'fast', 1)
  expect(file).toBe(plainFile(join(folder, 'study.json'), cell, 'fast', 1))
  expect(file).not.toBe(plainFile(join(folder, 'study.json'), { ...cell, heldOut: 32 }, 'fast', 1))
  expect(readPlain(file)).toBeNull()
  const { report } = readReport('tests/fixtures/0.1.0/uce-live.report.json', null)
  keepPlain(file, report)
  expect(readPlain(file)?.record).toEqual(report.record)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('"cosine": 0.5366', '"cosine": 0.5367'))
  expect(() => readPlain(file)).toThrow(/was changed after it was written/)
})
