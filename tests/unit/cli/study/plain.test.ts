/** Plain runs beside a study's file: kept whole, and made again when changed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { keepPlain, plainFile, readPlain } from '../../../../src/cli/study/plain'
import { readReport } from '../../../../src/cli/reportFile'

const folder = mkdtempSync(join(tmpdir(), 'plain-'))
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

test('a plain run is read as it was kept, and made again where it was changed', () => {
  const at = (parameters: object) => plainFile(join(folder, 'study.json'), ['spm', 'standard', 1], parameters)
  const file = at({ steps: '300' })
  expect(file).toContain(join('study-plain', 'spm-standard-1-'))
  // Whatever decides a run decides its place.
  expect(at({ steps: '600' })).not.toBe(file)
  expect(readPlain(file)).toBeNull()
  const { report } = readReport('tests/fixtures/0.1.0/uce-live.report.json', null)
  keepPlain(file, report)
  expect(readPlain(file)?.record).toEqual(report.record)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('"cosine": 0.5366', '"cosine": 0.5367'))
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  expect(readPlain(file)).toBeNull()
  expect(said.mock.calls.flat().join()).toMatch(/was changed after it was written.* It is made again/)
})
