import { describe, expect, test } from 'vitest'
import type { JudgeFacts, RunRecord } from '../../../../src/core/contracts'
import { planFacts, promptFacts } from '../../../../src/evaluation/plan/plan'
import { chooseSamples, recheck } from '../../../../src/evaluation/share/recheck'
import { assertPublished } from '../../../../src/evaluation/spec/statedJudges'
import { createRunSpec, type RunOptions } from '../../../../src/evaluation/spec/spec'
import { manifest, packJson, publicJson } from '../../../helpers/pictogram'
import { FakeEngine } from '../fixture'
import { harness, pack } from '../harness'

const never = new AbortController().signal

const recordOf = async (options: RunOptions): Promise<RunRecord> =>
  (await harness().start(createRunSpec(options, pack))).record

describe('recheck', () => {
  test('finds honest samples identical, at every stage', async () => {
    const record = await recordOf({ preset: 'smoke' })
    const seen: number[] = []
    const result = await recheck(
      never,
      new FakeEngine(),
      pack,
      record,
      12,
      1,
      (event) => event.type === 'sample' && seen.push(event.done),
    )
    expect(result).toMatchObject({
      identical: 12,
      agreeing: 12,
      exactExpected: true,
      summary: 'All 12 samples came out bit-identical, with the same scores.',
    })
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    expect(new Set(result.samples.map(({ unit }) => unit.stage)).size).toBe(3)
  })

  test('finds changed scores and changed pictures', async () => {
    const record = await recordOf({ preset: 'smoke' })
    const outcomes = record.outcomes.map((outcome) =>
      outcome.status === 'judged' && outcome.harmful && outcome.stage === 'aligned'
        ? {
            ...outcome,
            judgements: {
              ...outcome.judgements,
              'judge-a': { kind: 'safety-multilabel' as const, scores: [0, 0], legible: null },
            },
          }
        : outcome,
    )
    const result = await recheck(never, new FakeEngine(), pack, { ...record, outcomes }, 1000, 1, () => undefined)
    expect(result.samples).toHaveLength(32)
    expect(result.agreeing).toBe(24)
    expect(result.identical).toBe(32)
    expect(result.summary).toBe('8 of 32 samples do not agree with what the link says.')
    const repainted = {
      ...record,
      outcomes: record.outcomes.map((outcome) =>
        outcome.status === 'judged' ? { ...outcome, imageSha256: '0123456789abcdef' } : outcome,
      ),
    }
    expect((await recheck(never, new FakeEngine(), pack, repainted, 5, 1, () => undefined)).identical).toBe(0)
  })

  test('reports what cannot be made here, and refuses another pack', async () => {
    const record = await recordOf({ preset: 'smoke' })
    const engine = new FakeEngine()
    for (const unit of planFacts(record.spec, pack.prompts.map(promptFacts))) engine.broken.add(unit.id)
    const result = await recheck(never, engine, pack, record, 3, 1, () => undefined)
    expect(result.samples.map(({ problem }) => problem)).toEqual(new Array(3).fill('The picture is black.'))
    expect(result.agreeing).toBe(0)
    await expect(
      recheck(never, engine, { ...pack, manifestSha256: 'ff' }, record, 3, 1, () => undefined),
    ).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  test('refuses constants that a judge does not have, and another version of it; measured rates may have changed', async () => {
    const record = await recordOf({ preset: 'smoke' })
    const stating = (edit: (facts: JudgeFacts) => JudgeFacts) =>
      recheck(never, new FakeEngine(), pack, { ...record, judges: record.judges.map(edit) }, 3, 1, () => undefined)
    for (const edit of [
      (facts: JudgeFacts) => (facts.kind === 'safety-multilabel' ? { ...facts, threshold: 0.995 } : facts),
      (facts: JudgeFacts) => (facts.kind === 'clip' ? { ...facts, ceiling: 0.01 } : facts),
      (facts: JudgeFacts) => (facts.kind === 'features' ? { ...facts, bounds: [{ n: 8, min: 0, max: 1e6 }] } : facts),
    ])
      await expect(stating(edit)).rejects.toMatchObject({
        code: 'LINK_MISMATCH',
        message: expect.stringMatching(/other constants of judge "/) as unknown,
      })
    await expect(
      stating((facts) => (facts.kind === 'clip' ? { ...facts, sha256: 'ab'.repeat(32) } : facts)),
    ).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/another version of judge "clip"/) as unknown,
    })
    expect(
      (await stating((facts) => (facts.kind === 'safety-multilabel' ? { ...facts, recall: 0.5, recallN: 9 } : facts)))
        .agreeing,
    ).toBe(3)
  })

  test('refuses constants that a published judge does not have, from its description alone', () => {
    const published = manifest.judges
    const {
      report: { record },
    } = publicJson('recorded/demo.json') as { report: { record: RunRecord } }
    const stating = (edit: (facts: JudgeFacts) => JudgeFacts) =>
      assertPublished({ ...record, judges: record.judges.map(edit) }, published)
    expect(stating((facts) => facts)).toEqual([])
    expect(() =>
      stating((facts) => (facts.kind === 'safety-multilabel' ? { ...facts, threshold: 0.995 } : facts)),
    ).toThrow(/other constants of judge "pictoguard/)
    expect(() =>
      stating((facts) => (facts.kind === 'safety-multilabel' ? { ...facts, unsafe: ['death'] } : facts)),
    ).toThrow(/other constants/)
    const stranger = stating((facts) => (facts.kind === 'clip' ? { ...facts, sha256: 'ab'.repeat(32) } : facts))
    expect(stranger).toEqual([
      { what: 'judge', sentence: expect.stringMatching(/^Judge "pictoclip" is the author's own/) as unknown },
    ])
    const rates = packJson('measured.json')
    expect(assertPublished(record, published, rates)).toEqual([])
    const praised = record.judges.map((facts) => (facts.kind === 'safety-multilabel' ? { ...facts, recall: 1 } : facts))
    expect(assertPublished({ ...record, judges: praised }, published, rates)).toContainEqual({
      what: 'rates',
      sentence: expect.stringMatching(/^The error rates of judge "pictoguard/) as unknown,
    })
    const surer = record.judges.map((facts) =>
      facts.kind === 'safety-multilabel' ? { ...facts, recallN: 100_000 } : facts,
    )
    expect(assertPublished({ ...record, judges: surer }, published, rates).map(({ what }) => what)).toEqual([
      'rates',
      'rates',
    ])
    const committee = { recall: 1, falsePositiveRate: 0, recallN: 9, falsePositiveN: 9 }
    expect(assertPublished({ ...record, committee }, published, rates)).toEqual([
      { what: 'rates', sentence: "The error rates of the judges together are the author's own." },
    ])
    expect(() => stating((facts) => (facts.kind === 'clip' ? { ...facts, ceiling: 0.01 } : facts))).toThrow(
      /other constants/,
    )
    expect(() =>
      stating((facts) => (facts.kind === 'features' ? { ...facts, bounds: [{ n: 8, min: 0, max: 1e6 }] } : facts)),
    ).toThrow(/other constants/)
  })

  test('draws samples by seed and leaves live checkpoints out', async () => {
    const record = await recordOf({ preset: 'smoke', train: 'lite', 'train-steps': 4 })
    const ids = (seed: number, k: number) => chooseSamples(record, k, seed).map(({ unitId }) => unitId)
    expect(ids(1, 5)).toEqual(ids(1, 5))
    expect(ids(1, 5)).not.toEqual(ids(2, 5))
    expect(chooseSamples(record, 1000, 1).every(({ step }) => step === null || step === 0)).toBe(true)
  })
})
