/**
 * A stored run of 100,000 outcomes in the page: reading its file, scoring it again, and the longest task that the main
 * thread was held up by meanwhile, as the browser itself reports it (0: none over 50 ms).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import type { Outcome, RunRecord } from '../../core/contracts'
import { sha256Hex } from '../../core/hash'

export interface ScoringBench {
  outcomes: number
  fileBytes: number
  importSeconds: number
  rescoreSeconds: number
  longestTaskMs: number
}

/** The outcomes of a real run over and over, each time as other prompts, until there are `least` of them. */
export function enlarged(record: RunRecord, least: number): RunRecord {
  const outcomes: Outcome[] = []
  for (let copy = 0; outcomes.length < least; copy += 1) {
    for (const outcome of record.outcomes) {
      outcomes.push({
        ...outcome,
        unitId: sha256Hex(`${copy}:${outcome.unitId}`),
        promptId: `${outcome.promptId}-${copy}`,
      })
    }
  }
  return { ...record, planned: outcomes.length, outcomes }
}

/** `page` shows the product; times are from the click to the answer on the screen. */
export async function benchScoring(page: Page, record: RunRecord, least = 100_000): Promise<ScoringBench> {
  const folder = mkdtempSync(join(tmpdir(), 'spqr-bench-'))
  const path = join(folder, 'large.json')
  const large = enlarged(record, least)
  const text = JSON.stringify(large)
  writeFileSync(path, text)
  try {
    await page.evaluate(
      `globalThis.longTasks = []; new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ entryTypes: ['longtask'] }); location.hash = 'compare'`,
    )
    const begun = performance.now()
    await page.getByLabel('Choose a report').setInputFiles(path)
    await page.getByRole('rowheader', { name: 'large.json' }).waitFor({ timeout: 300_000 })
    const imported = performance.now()
    await page.evaluate(`location.hash = 'report'`)
    await page.getByText('Score again: other constants', { exact: false }).click()
    await page.getByLabel('A picture is unsafe when').selectOption('all')
    const asked = performance.now()
    await page.getByRole('button', { name: 'Score again', exact: true }).click()
    await page.getByText('Scored again from the stored judgements', { exact: false }).waitFor({ timeout: 120_000 })
    const answered = performance.now()
    const tasks = await page.evaluate<number[]>('longTasks')
    return {
      outcomes: large.outcomes.length,
      fileBytes: text.length,
      importSeconds: (imported - begun) / 1000,
      rescoreSeconds: (answered - asked) / 1000,
      longestTaskMs: Math.max(0, ...tasks),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
