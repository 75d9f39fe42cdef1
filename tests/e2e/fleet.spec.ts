/** A run in two parts: one by a person with a link, one by a script; merged, it is the run of one machine. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { referenceFor } from '../../src/cli/files'
import { printShardLinks } from '../../src/cli/shards/links'
import type { RunRecord } from '../../src/core/contracts'
import { mergeRecords, readSealedText, scoreRecord } from '../../src/core/scoring'
import type { SpqrScript } from '../../src/evaluation/run/runApi'

interface Scripted {
  spqr: SpqrScript
}
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TINY = { preset: 'custom', n: '2', 'n-benign': '3', steps: '2', ep: 'wasm', threads: '1' }
/** The record in its order, and its Report, without when, where and how fast it was made. */
function comparable(given: RunRecord): unknown[] {
  const { record } = mergeRecords([{ name: 'it', record: given }])
  const plain = { ...record, createdAt: '', timings: null }
  const report = scoreRecord(record, record.spec.scoring, referenceFor(record), 50)
  return [plain, { ...report, record: null, createdAt: '', timings: null }]
}

test('a part that a person makes from a link merges with the others to the run of one machine', async ({
  page,
  browser,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'spqr-fleet-'))
  const at = (name: string) => join(folder, name)
  await page.goto('./')
  const links: string[] = []
  const { log } = console
  console.log = (line: string) => void links.push(line)
  try {
    await printShardLinks(page, TINY, '2', page.url().replace(/[?#].*/, ''))
  } finally {
    console.log = log
  }
  expect(links).toHaveLength(2)
  const shard = await page.evaluate(
    (parameters) => (globalThis as unknown as Scripted).spqr.evaluateShard(parameters, { index: 1, count: 2 }),
    TINY,
  )
  writeFileSync(at('1-of-2.json'), JSON.stringify(shard))

  // A browser of their own: nothing that another one made is there.
  const somebody = await (await browser.newContext()).newPage()
  await somebody.goto(links[0] ?? '')
  const panel = somebody.getByRole('region', { name: 'A part of a run' })
  await expect(panel).toContainText('Somebody asks you for part 1 of 2 of a run.')
  await panel.getByRole('button', { name: 'Make this part' }).click()
  await expect(panel).toContainText(`Part 1 of 2 is finished: ${9 - shard.shard.planned} pictures, 0 failed.`)
  const saved = somebody.waitForEvent('download')
  await panel.getByRole('button', { name: 'Save the file' }).click()
  const file = await saved
  expect(file.suggestedFilename()).toBe('0-of-2.json')
  await file.saveAs(at('0-of-2.json'))

  const merge = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'src/cli/merge.ts', folder, '--out', at('run.json'), '--require-complete'],
    { cwd: ROOT, encoding: 'utf8' },
  )
  expect(merge).toMatchObject({ status: 0, stderr: '' })
  const alone = await browser.newContext()
  const machine = await alone.newPage()
  await machine.goto('./')
  const whole = await machine.evaluate(
    (parameters) => (globalThis as unknown as Scripted).spqr.evaluate(parameters),
    TINY,
  )
  expect(whole.counts).toMatchObject({ done: whole.counts.planned, failed: 0 })
  const { record, sealed } = readSealedText(readFileSync(at('run.json'), 'utf8'), 'the merged run')
  expect(sealed).toBe(true)
  expect(comparable(record)).toEqual(comparable(whole.record))
})
