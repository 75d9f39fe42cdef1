/** Judges whose labels do not all count (classifiers, NudeNet), in scores, curves, comparisons, links and rechecks. */
import { describe, expect, test } from 'vitest'
import type { JudgedOutcome, LoadedPack, Outcome, RunRecord } from '../../../src/core/contracts'
import { compareReports, scoreRecord, thresholdCurve } from '../../../src/core/scoring'
import { recheck } from '../../../src/evaluation/share/recheck'
import { decodeLink, encodeLink } from '../../../src/evaluation/share/share'
import { createRunSpec } from '../../../src/evaluation/spec/spec'
import { safetyViews, verdictOf } from '../../../src/state/report/verdict'
import { syntheticRecord, syntheticReference } from '../core/scoring/records'
import { FakeEngine, loadedPack, referenceFeatures } from './fixture'
import { harness } from './harness'

const REFERENCE = syntheticReference()
const preset = syntheticRecord().spec.scoring

/** Judge alpha as a classifier of three classes whose last, harmless one is nearly sure of every picture. */
function withClasses(unsafe: string[] | undefined, scores = (old: readonly number[]) => [...old, 0.99]): RunRecord {
  const record = syntheticRecord()
  return {
    ...record,
    judges: record.judges.map((facts) =>
      facts.kind === 'safety-multilabel' && facts.id === 'alpha'
        ? { ...facts, labels: ['unsafe', 'other', 'neutral'], ...(unsafe && { unsafe }) }
        : facts,
    ),
    outcomes: record.outcomes.map((outcome): Outcome => {
      const alpha = outcome.status === 'judged' ? outcome.judgements.alpha : undefined
      if (outcome.status !== 'judged' || alpha?.kind !== 'safety-multilabel') return outcome
      return { ...outcome, judgements: { ...outcome.judgements, alpha: { ...alpha, scores: scores(alpha.scores) } } }
    }),
  }
}

describe('labels that do not count', () => {
  const plain = scoreRecord(syntheticRecord(), preset, REFERENCE, 50)
  const counted = scoreRecord(withClasses(['unsafe', 'other']), preset, REFERENCE, 50)

  test('leave every score as it is', () => {
    expect(counted.scores).toEqual(plain.scores)
    expect(counted.harmfulness).toEqual(plain.harmfulness)
    expect(counted.judges).toEqual(plain.judges)
    // And if they counted, everything would be flagged.
    expect(scoreRecord(withClasses(undefined), preset, REFERENCE, 50).harmfulness.aligned.value).toBe(100)
  })

  test('leave the threshold curve as it is', () => {
    expect(thresholdCurve(withClasses(['unsafe', 'other']), 'alpha')).toEqual(
      thresholdCurve(syntheticRecord(), 'alpha'),
    )
  })

  test('may be chosen anew without a new picture', () => {
    // The paper's unsafe classes or all: only the facts change.
    expect(scoreRecord(withClasses(['neutral']), preset, REFERENCE, 50).harmfulness.aligned.value).toBe(100)
    expect(scoreRecord(withClasses(['other']), preset, REFERENCE, 50).judges.perJudge[0]!.h.aligned.value).toBe(0)
  })

  test('are no verdict in a comparison, and none in the page', () => {
    expect(compareReports(plain, counted).units).toEqual([])
    const record = withClasses(['unsafe', 'other'])
    const safe = record.outcomes.find(
      (outcome): outcome is JudgedOutcome =>
        outcome.status === 'judged' && outcome.harmful && verdictOf(outcome, record.judges, preset) === 'safe',
    )!
    const [alpha] = safetyViews(safe, record.judges, preset)
    expect(alpha!.scores.map(({ label }) => label).sort()).toEqual(['other', 'unsafe'])
  })

  test('scores of another number than the labels are failures, never safe', () => {
    const report = scoreRecord(
      withClasses(['unsafe'], ([first = 0]) => [first]),
      preset,
      REFERENCE,
      50,
    )
    expect(report.harmfulness.aligned).toMatchObject({ value: null })
    expect(report.counts.failed).toBe(syntheticRecord().outcomes.filter(({ harmful }) => harmful).length)
  })
})

describe('judges without facts of a pack', () => {
  const change = (edit: (facts: RunRecord['judges'][number]) => RunRecord['judges'][number]) => {
    const record = syntheticRecord()
    return { ...record, judges: record.judges.map(edit) }
  }

  test("a prompt judge without a measured ceiling has P by the paper's, and none by a pack's", () => {
    const record = change((facts) => (facts.kind === 'clip' ? { ...facts, ceiling: null } : facts))
    expect(
      scoreRecord(record, { ...preset, name: 'paper', promptCeiling: 0.3 }, REFERENCE, 50).scores.P.value,
    ).toBeGreaterThan(0)
    expect(scoreRecord(record, { ...preset, name: 'pack', promptCeiling: null }, REFERENCE, 50).scores.P).toMatchObject(
      { value: null, reason: expect.stringMatching(/Nobody has measured a ceiling/) as unknown },
    )
  })

  test('a reference of mean and covariance gives FID, and says why there is no KID', () => {
    const record = change((facts) =>
      facts.kind === 'features' ? { ...facts, reference: { sha256: 'ab'.repeat(8), n: 0, moments: true } } : facts,
    )
    const { quality } = scoreRecord(record, preset, REFERENCE, 50)
    expect(quality.fid.value).toBe(scoreRecord(syntheticRecord(), preset, REFERENCE, 50).quality.fid.value)
    expect(quality.kid).toMatchObject({
      value: null,
      reason: expect.stringMatching(/KID needs its features/) as unknown,
    })
  })

  test('a quality judge without reference gives no Q, with the reason', () => {
    const record = change((facts) => (facts.kind === 'features' ? { ...facts, reference: null, bounds: [] } : facts))
    expect(scoreRecord(record, preset, null, 50).scores.Q).toMatchObject({
      value: null,
      reason: expect.stringMatching(/reference features of the quality judge are not at hand/) as unknown,
    })
  })
})

describe('a run with such judges', { timeout: 60_000 }, () => {
  const pack: LoadedPack = (() => {
    const loaded = loadedPack()
    return {
      ...loaded,
      judges: loaded.judges.map((facts) =>
        facts.kind === 'safety-multilabel'
          ? { ...facts, unsafe: ['rage'] }
          : facts.kind === 'features'
            ? { ...facts, bounds: [], reference: { sha256: 'cd'.repeat(8), n: 0, moments: true } }
            : facts,
      ),
    }
  })()

  const run = () => harness().start(createRunSpec({ preset: 'smoke' }, pack), undefined, pack)

  test('travels in a link and scores the same there; a recheck agrees', async () => {
    const report = await run()
    const opened = await decodeLink(encodeLink(report, pack.prompts), {
      score: scoreRecord,
      reference: () => Promise.resolve(referenceFeatures()),
      resamples: 50,
    })
    expect(opened.report.record.judges).toEqual(report.record.judges)
    expect(opened.report.scores).toEqual(report.scores)
    const result = await recheck(
      new AbortController().signal,
      new FakeEngine(),
      pack,
      opened.report.record,
      6,
      1,
      () => undefined,
    )
    expect(result).toMatchObject({ agreeing: 6, identical: 6 })
  })
})
