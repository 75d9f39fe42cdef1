/** What somebody changed: claims that cannot be true, records that contradict themselves, samples that were copied. */
import { readFileSync } from 'node:fs'
import { deflateSync, inflateSync, strFromU8, strToU8 } from 'fflate'
import { describe, expect, test } from 'vitest'
import type { Report, RunRecord } from '../../../../src/core/contracts'
import { sha256Hex } from '../../../../src/core/hash'
import { assertPlanned, scoreRecord } from '../../../../src/core/scoring'
import { countsOf, roundedScores } from '../../../../src/evaluation/share/commitment'
import { contradictionIn } from '../../../../src/evaluation/share/contradiction'
import { readLinkParts } from '../../../../src/evaluation/share/mangled'
import { fromBase64Url, toBase64Url } from '../../../../src/evaluation/share/shareBytes'
import { decodeShortLink, encodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { loadedPack } from '../fixture'
import { syntheticRecord, syntheticReference, type Design } from '../../core/scoring/records'

const demo = (
  JSON.parse(readFileSync(new URL('../../../../public/recorded/demo.json', import.meta.url), 'utf8')) as {
    report: Report
  }
).report

const stated = (report: Report) => ({ counts: countsOf(report), scores: roundedScores(report) })

describe('a claim of a short link', () => {
  test.each<[string, Design]>([
    ['a plain run', {}],
    ['failures', { failed: 20 }],
    ['repeats', { repeats: 3, harmful: 12 }],
    ['drift down', { rates: [0.9, 0.6, 0.1] }],
    ['no drift', { rates: [0.9, 0.1, 0.1] }],
    ['nothing flagged', { rates: [0, 0, 0] }],
    ['everything flagged', { rates: [1, 1, 1], failed: 5 }],
    ['checkpoints', { checkpoints: [0, 10, 20] }],
  ])('of %s never contradicts itself', (_, design) => {
    for (const scoringRule of [1, 2] as const) {
      const record = { ...syntheticRecord({ ...design, seed: scoringRule }), scoringRule }
      expect(contradictionIn(stated(scoreRecord(record, record.spec.scoring, syntheticReference(), 10)))).toBeNull()
    }
    expect(contradictionIn(stated(demo))).toBeNull()
  })

  /** Places of a claim's values; see `ClaimSchema`. */
  const [COUNTS, FLIPS, SCORES] = [5, 6, 8]
  /** Changes one entry of a list among the values; the others stay the demo's. */
  const set = (values: unknown[], place: number, entry: number, value: unknown) => {
    const list = values[place]
    if (!Array.isArray(list)) throw new Error('A claim is made differently.')
    values[place] = list.map((old: unknown, i) => (i === entry ? value : old))
  }
  test.each<[string, (values: unknown[]) => void, RegExp]>([
    ['a better S', (values) => set(values, SCORES, 0, 999), /Safety is not what its counts give/],
    ['fewer flagged', (values) => set(values, COUNTS, 1, [0, 64]), /Safety is not what its counts/],
    ['more flips than flagged', (values) => (values[FLIPS] = [60, 0]), /flagged or unflagged than its counts allow/],
    ['a robust R', (values) => set(values, SCORES, 3, 500), /Robustness is not what its flips give/],
    ['an SPQR of its own', (values) => set(values, SCORES, 4, 700), /SPQR is not what its axes give/],
    ['no pictures', (values) => set(values, COUNTS, 0, [0, 0]), /it counts no picture/],
  ])('with %s is refused as one that contradicts itself', (_, change, message) => {
    const pack = loadedPack()
    const spec = createRunSpec({}, pack)
    const link = encodeShortLink(
      { ...demo, spec, record: { ...demo.record, id: '0'.repeat(64), spec } },
      'pictogram',
      pack,
    )
    expect(decodeShortLink(readLinkParts(link)).counts).toEqual(countsOf(demo))
    const { body } = readLinkParts(link)
    const values = JSON.parse(strFromU8(inflateSync(fromBase64Url(body) ?? new Uint8Array()))) as unknown[]
    change(values)
    const bytes = deflateSync(strToU8(JSON.stringify(values)))
    const forged = `#s1.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, 16)}`
    expect(() => decodeShortLink(readLinkParts(forged))).toThrow(message)
  })
})

describe('a record from outside', () => {
  const changed = (change: (record: RunRecord) => void): RunRecord => {
    const record = structuredClone(demo.record)
    change(record)
    return record
  }
  const first = ({ outcomes }: RunRecord) => outcomes.find(({ stage }) => stage === 'aligned') ?? outcomes[0]!

  test('that was made is as its specification plans it, whatever part of it is there', () => {
    expect(() => assertPlanned(demo.record, 'It')).not.toThrow()
    expect(() => assertPlanned({ ...demo.record, outcomes: demo.record.outcomes.slice(7, 99) }, 'It')).not.toThrow()
  })

  test.each<[string, (record: RunRecord) => void, RegExp]>([
    ['another seed in its recipe', ({ spec }) => (spec.seed += 1), /id is not the hash of its specification/],
    ['other thresholds', ({ spec }) => (spec.scoring = { ...spec.scoring, epsilon: 0.2 }), /id is not the hash/],
    ['other noise', (record) => (first(record).seed += 1), /not of the noise/],
    ['a repeat too many', (record) => (first(record).repeat = 5), /none that its specification plans/],
    ['a checkpoint that is none', (record) => (first(record).step = 10), /none that its specification plans/],
    ['a suite of its own', (record) => (first(record).suite = 'mine'), /none that its specification plans/],
    ['a harmful prompt as a harmless one', (record) => (first(record).harmful = false), /none that its/],
  ])('with %s is refused', (_, change, message) => {
    expect(() => assertPlanned(changed(change), 'mine.json')).toThrow(message)
  })

  test('with a safe picture copied under new names is refused, for its suite has no room for them', () => {
    const record = changed(({ outcomes, spec }) => {
      const safe = outcomes.find(({ stage, harmful }) => stage === 'aligned' && harmful)!
      outcomes.push({ ...safe, unitId: 'f'.repeat(64), promptId: 'another', seed: safe.seed })
      expect(spec.prompts.harmful.length).toBe(1)
    })
    expect(() => assertPlanned(record, 'It')).toThrow(/noise that its specification|holds more prompts of suite/)
  })

  test('with copied pictures or copied features is scored, and said to hold copies', () => {
    const copies = (record: RunRecord) =>
      scoreRecord(record, record.spec.scoring, null, 10).notes.filter((note) => note.includes('samples were copied'))
    expect(copies(demo.record)).toEqual([])
    const judged = (record: RunRecord) =>
      record.outcomes.flatMap((one) =>
        one.status === 'judged' && one.stage === 'aligned' && !one.harmful ? [one] : [],
      )
    const pictures = changed((record) => {
      const [a, b, c] = judged(record)
      if (a && b && c) b.imageSha256 = c.imageSha256 = a.imageSha256
    })
    expect(copies(pictures)).toEqual([expect.stringMatching(/^2 pictures are the same as another/)])
    const features = changed((record) => {
      const [a, b] = judged(record)
      if (a && b) b.judgements = structuredClone(a.judgements)
    })
    expect(copies(features)).toEqual([expect.stringMatching(/^1 picture is the same as another/)])
  })
})
