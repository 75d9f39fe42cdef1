/** The full link of a quick run: the recorded one, with real judges and 64 × 64 features. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { referenceFor } from '../../../../src/cli/files'
import type { JudgedOutcome, Prompt, Report, RunRecord } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import { commitmentOf, countsOf } from '../../../../src/evaluation/share/commitment'
import { checkReport } from '../../../../src/evaluation/share/sameSamples'
import { decodeLink, encodeLink } from '../../../../src/evaluation/share/share'
import { HEADER_DICTIONARY } from '../../../../src/evaluation/share/shareDictionary'
import { encodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { sha256Hex } from '../../../../src/core/hash'
import { keyNumbers } from '../../../helpers/keyNumbers'
import { lost } from '../../../helpers/lost'
import { packJson, publicJson } from '../../../helpers/pictogram'
import { figure } from '../../../../src/state/page/format'

const { report } = publicJson('recorded/demo.json') as { report: Report }
const prompts = ['harmful-direct', 'benign'].flatMap((suite) => packJson(`prompts/${suite}.json`) as Prompt[])
const reference = referenceFor(report.record)
const link = encodeLink(report, prompts, prompts)
const opened = await decodeLink(link, { score: scoreRecord, reference: () => Promise.resolve(reference), prompts })

const featuresOf = ({ outcomes }: RunRecord): number[] =>
  outcomes.flatMap((outcome) =>
    outcome.status === 'judged'
      ? Object.values(outcome.judgements).flatMap((one) => (one.kind === 'features' ? one.features : []))
      : [],
  )

describe('the full link of a quick run', () => {
  test('has at most 12,000 characters', () => expect(link.length).toBeLessThanOrEqual(12_000))

  test('gives every score as it is printed, and all but Q exactly', () => {
    expect(opened.unverified).toEqual([])
    for (const name of ['S', 'P', 'R'] as const) expect(opened.report.scores[name]).toEqual(report.scores[name])
    const printed = ({ scores, quality }: Report) =>
      [scores.Q.value, scores.SPQR.value, quality.fid.value, quality.kid.value].map((value) => figure(value ?? NaN))
    expect(printed(opened.report)).toEqual(printed(report))
    expect(Math.abs((opened.report.scores.Q.value ?? NaN) - (report.scores.Q.value ?? NaN))).toBeLessThan(5e-4)
    expect(countsOf(opened.report)).toEqual(countsOf(report))
  })

  test('rounds features to a 72nd of their spread, and keeps the commitment to those that were made', () => {
    const [theirs, ours] = [featuresOf(report.record), featuresOf(opened.report.record)]
    const error = Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] ?? NaN))))
    expect(error).toBeGreaterThan(0.005)
    expect(error).toBeLessThanOrEqual(0.0195)
    expect(opened.commitment).toBe(commitmentOf(report.record))
  })

  test('is shared again with the same samples', async () => {
    const again = encodeLink(opened.report, opened.prompts, prompts, opened.commitment)
    const { report: twice } = await decodeLink(again, {
      score: scoreRecord,
      reference: () => Promise.resolve(reference),
      prompts,
    })
    expect(twice.record).toEqual(opened.report.record)
  })

  test('a run made again equals it; one forged feature, score or hash does not', () => {
    expect(checkReport(opened.report, report)).toEqual({ record: true, counts: true, scores: true })
    const changed = (change: (outcome: JudgedOutcome) => JudgedOutcome): Report => {
      const at = report.record.outcomes.findIndex(
        (one) => one.status === 'judged' && one.judgements.pictofeat !== undefined,
      )
      const outcomes = report.record.outcomes.map((one, i) => (i === at && one.status === 'judged' ? change(one) : one))
      return { ...report, record: { ...report.record, outcomes } }
    }
    const forgeries: ((outcome: JudgedOutcome) => JudgedOutcome)[] = [
      (one) => ({ ...one, imageSha256: `0${one.imageSha256.slice(1)}` }),
      (one) => ({ ...one, judgements: { ...one.judgements, pictoclip: { kind: 'clip', cosine: 0.9 } } }),
      (one) => {
        const { pictofeat } = one.judgements
        if (pictofeat?.kind !== 'features') throw new Error('no features')
        const features = pictofeat.features.map((value, i) => (i === 7 ? value + 0.05 : value))
        return { ...one, judgements: { ...one.judgements, pictofeat: { kind: 'features', features } } }
      },
    ]
    for (const forge of forgeries) expect(checkReport(opened.report, changed(forge)).record).toBe(false)
  })

  test('a short link of it promises what was made, or is refused where nobody knows it', () => {
    const recipe = {
      manifest: packJson('manifest.json') as never,
      manifestSha256: '',
      prompts,
      accelerator: packJson('accelerator.json') as never,
    }
    const of = (commitment: string | null) => () =>
      encodeShortLink(
        opened.report,
        'pictogram',
        { ...recipe, manifestSha256: report.spec.model.manifestSha256 },
        commitment,
      )
    expect(of(null)).toThrow('This report came from a link that rounds the samples')
    expect(of(opened.commitment)()).toMatch(/^#s1\./)
  })

  test('of the version that first wrote one opens for ever, with the same numbers', async () => {
    const fixture = (name: string) =>
      readFileSync(new URL(`../../../fixtures/link-v2/${name}`, import.meta.url), 'utf8').trim()
    const { report: old, unverified } = await decodeLink(fixture('demo.link.txt'), {
      score: scoreRecord,
      reference: () => Promise.resolve(reference),
      prompts,
    })
    expect([old.record.outcomes.length, unverified]).toEqual([256, []])
    expect(lost(JSON.parse(fixture('golden.json')), keyNumbers(old))).toEqual([])
  })

  test('is read with the one dictionary that it was written with', () =>
    expect(sha256Hex(HEADER_DICTIONARY)).toBe('94e3c03ff8cce406a1a94d59543acfdcfd7c761d245c169e4ab2afdc44ef6430'))
})
