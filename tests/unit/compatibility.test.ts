/** What version 0.1.0 wrote opens for ever, with the same numbers (tests/fixtures/0.1.0, see its README). */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readRunFile, referenceFor } from '../../src/cli/files'
import type { JudgeFacts, Report, RunRecord } from '../../src/core/contracts'
import { scoreRecord } from '../../src/core/scoring'
import { decodeLink, encodeLink } from '../../src/evaluation/share/share'
import { createRunStore } from '../../src/runtime/storage/runStore'
import { keyNumbers } from '../helpers/keyNumbers'
import { lost } from '../helpers/lost'
import { DumpStore, putBack, type StoreDump } from '../helpers/storeDump'

// Whole runs are scored with all their resamples; a busy machine takes long.
vi.setConfig({ testTimeout: 120_000 })

const at = (name: string) => fileURLToPath(new URL(`../fixtures/0.1.0/${name}`, import.meta.url))
const text = (name: string) => readFileSync(at(name), 'utf8').trim()
const RUNS = ['esd-x', 'uce-live'] as const
const LINKS = [...RUNS, 'demo'] as const
const golden = JSON.parse(text('golden.json')) as Record<(typeof LINKS)[number], ReturnType<typeof keyNumbers>>
const exported = (name: string) => JSON.parse(text(`${name}.report.json`)) as Report

/** Its Q needs the reference of the pack of 0.1.0: a new pack must keep that file, or old links lose their Q. */
function scored(record: RunRecord): Report {
  const reference = referenceFor(record)
  if (reference === null) throw new Error('no pack has the reference features of version 0.1.0 any more')
  return scoreRecord(record, record.spec.scoring, reference)
}

const open = (link: string) =>
  decodeLink(link, {
    score: scoreRecord,
    reference: (facts: JudgeFacts) => Promise.resolve(referenceFor({ ...exported('esd-x').record, judges: [facts] })),
  })

describe('an exported Report of 0.1.0', () => {
  test.each(RUNS)('%s re-scores to what it says', (name) => {
    const report = scored(readRunFile(at(`${name}.report.json`)))
    expect(lost(golden[name], keyNumbers(report))).toEqual([])
    expect(lost(exported(name), report)).toEqual([])
  })
})

describe('a result link of 0.1.0', () => {
  test.each(LINKS)('%s opens, agrees with what it states, and gives the golden numbers', async (name) => {
    const { report, unverified } = await open(text(`${name}.link.txt`))
    expect(unverified).toEqual([])
    expect(lost(golden[name], keyNumbers(report))).toEqual([])
  })

  test.each(RUNS)('%s carries the run that was exported', async (name) => {
    const { report, prompts } = await open(text(`${name}.link.txt`))
    const { outcomes, ...facts } = exported(name).record
    expect(lost(facts, report.record)).toEqual([])
    const pictures = (of: RunRecord['outcomes']) => of.map(({ unitId, status }) => `${unitId} ${status}`)
    expect(pictures(report.record.outcomes)).toEqual(expect.arrayContaining(pictures(outcomes)))
    // Shared again, it is a link that opens with the same numbers.
    const again = await open(encodeLink(report, prompts))
    expect(lost(golden[name], keyNumbers(again.report))).toEqual([])
  })
})

describe('the run store of 0.1.0', () => {
  const dump = JSON.parse(text('store.json')) as StoreDump
  let storage: DumpStore
  beforeAll(async () => {
    storage = new DumpStore()
    await putBack(dump, storage)
  })

  test('lists both runs, whole', async () => {
    const runs = await createRunStore({ storage }).list()
    expect(runs.map(({ id, done, planned }) => ({ id, done, planned }))).toEqual(
      // Newest first.
      [exported('uce-live'), exported('esd-x')].map(({ id, counts }) => ({
        id,
        done: counts.done,
        planned: counts.planned,
      })),
    )
  })

  test.each(RUNS)('%s opens and gives its Report', async (name) => {
    const written = exported(name)
    const record = await createRunStore({ storage }).read(written.id)
    if (record === null) throw new Error('the run is not found')
    // The clock of the whole run ends after its last batch was stored.
    const { totalSeconds } = record.timings
    expect(totalSeconds).toBeLessThan(written.timings.totalSeconds)
    const timings = { ...written.timings, totalSeconds }
    const report = { ...written, timings, record: { ...written.record, timings } }
    expect(lost(report, scored(record))).toEqual([])
  })

  test('goes on with a run whose specification is the same, instead of starting it anew', async () => {
    const { outcomes, ...record } = exported('esd-x').record
    expect((await createRunStore({ storage }).open({ ...record, createdAt: 'later' })).outcomes).toHaveLength(
      outcomes.length,
    )
  })

  test('gives the pictures, byte for byte', async () => {
    const outcomes = RUNS.flatMap((name) => exported(name).record.outcomes)
    const units = dump.entries.map(([key]) => key).filter((key) => key.startsWith('image:'))
    expect(units).toHaveLength(3)
    for (const key of units) {
      const unitId = key.slice('image:'.length)
      const outcome = outcomes.find((one) => one.unitId === unitId)
      const image = await createRunStore({ storage }).image(unitId)
      expect(image).toMatchObject({ unitId, width: 64, height: 64 })
      expect(outcome).toMatchObject({ status: 'judged', imageSha256: image?.sha256 })
      const digest = await crypto.subtle.digest('SHA-256', image?.rgb ?? new Uint8Array())
      expect(Buffer.from(digest).toString('hex')).toBe(image?.sha256)
    }
  })
})

test('the comparison of these tests sees a number that moved and a field that is gone', () => {
  const report = exported('esd-x')
  const { drift, ...without } = report
  expect(lost(report, { ...report, drift: { ...drift, value: 50.0001 } })).toEqual(['.drift.value: 50 became 50.0001'])
  expect(lost(report, without)).toEqual(['.drift: gone'])
  expect(lost(report, { ...report, added: 1 })).toEqual([])
})
