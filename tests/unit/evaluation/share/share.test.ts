import { onGrid } from '../../../../src/core/scoring/grid'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Report, RunRecord } from '../../../../src/core/contracts'
import { commitmentOf } from '../../../../src/evaluation/share/commitment'
import { quantise } from '../../../../src/evaluation/run/runOutcome'
import { scoreRecord } from '../../../../src/core/scoring'
import { ROUNDED_TOLERANCE, decodeLink, encodeLink, type LinkContext } from '../../../../src/evaluation/share/share'
import { readPayload, writeLink } from '../../../../src/evaluation/share/sharePayload'
import { fromBase64Url, toBase64Url, unpack } from '../../../../src/evaluation/share/shareBytes'
import { canonicalJson, sha256Hex } from '../../../../src/core/hash'
import { createRunSpec, type RunOptions } from '../../../../src/evaluation/spec/spec'
import { referenceFeatures, type FakeEngine } from '../fixture'
import { harness, pack } from '../harness'

const gzip = (text: string) => new Uint8Array(gzipSync(text))
const context: LinkContext = {
  score: scoreRecord,
  reference: () => Promise.resolve(referenceFeatures()),
  resamples: 50,
}

function reportOf(options: RunOptions, prepare: (engine: FakeEngine) => void = () => undefined): Promise<Report> {
  const { engine, start } = harness()
  prepare(engine)
  return start(createRunSpec(options, pack))
}

const seconds = ['totalSeconds', 'loadSeconds', 'generateSeconds', 'judgeSeconds'] as const
/** The record as a link can carry it, but for features: picture hashes cut to 48 bits, times to the millisecond. */
function carried(record: RunRecord): RunRecord {
  return {
    ...withoutFeatures(record),
    timings: {
      ...record.timings,
      ...Object.fromEntries(seconds.map((name) => [name, Math.round(record.timings[name] * 1e3) / 1e3])),
    },
  }
}

function withoutFeatures(record: RunRecord): RunRecord {
  return {
    ...record,
    outcomes: record.outcomes.map((outcome) =>
      outcome.status === 'judged'
        ? {
            ...outcome,
            imageSha256: outcome.imageSha256.slice(0, 12),
            judgements: Object.fromEntries(
              Object.entries(outcome.judgements).map(([id, one]) => [
                id,
                one.kind === 'features' ? { ...one, features: [] } : one,
              ]),
            ),
          }
        : outcome,
    ),
  }
}

const featuresOf = ({ outcomes }: RunRecord): number[] =>
  outcomes.flatMap((outcome) =>
    outcome.status === 'judged'
      ? Object.values(outcome.judgements).flatMap((one) => (one.kind === 'features' ? one.features : []))
      : [],
  )

/** Everything but the features exactly; those within half a step of an 80th of their spread. */
function expectCarried(opened: Report, report: Report): void {
  expect(withoutFeatures(opened.record)).toEqual(carried(report.record))
  const [theirs, ours] = [featuresOf(report.record), featuresOf(opened.record)]
  expect(ours).toHaveLength(theirs.length)
  const mean = theirs.reduce((sum, value) => sum + value, 0) / Math.max(1, theirs.length)
  const spread = Math.sqrt(theirs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, theirs.length))
  for (const [i, value] of theirs.entries())
    expect(Math.abs(value - (ours[i] ?? NaN))).toBeLessThan(spread / 160 + 1e-3)
  for (const name of ['S', 'P', 'R'] as const) expect(opened.scores[name]).toEqual(report.scores[name])
  for (const name of ['Q', 'SPQR'] as const) {
    const [a, b] = [opened.scores[name].value, report.scores[name].value]
    if (a === null || b === null) expect(a).toBe(b)
    else expect(Math.abs(a - b)).toBeLessThan(ROUNDED_TOLERANCE)
  }
}

type Forge = (payload: Record<string, unknown>) => void

/** A link of either format with its data changed by `change` and its check digits made to fit. */
function forged(link: string, change: Forge, format: 'v1' | 'v2' = 'v1'): string {
  const { commitment, ...others } = readPayload(link)
  const facts = Object.fromEntries(Object.entries(others).filter(([name]) => name !== 'rounded'))
  if (format === 'v2') {
    const payload = { ...facts, commitment }
    change(payload)
    return writeLink(payload as unknown as Parameters<typeof writeLink>[0])
  }
  const payload = { ...facts, v: 1 }
  change(payload)
  const packed = gzip(canonicalJson(payload))
  return `#v1.${toBase64Url(packed)}.${sha256Hex(packed).slice(0, 16)}`
}

// Generous: a busy machine inflates and scores slowly.
describe('result links', { timeout: 60_000 }, () => {
  test('carry a record exactly, and the scores recompute equal', async () => {
    const report = await reportOf({ preset: 'smoke', n: 16, 'n-benign': 16 }, (engine) => {
      engine.beforeRun = (run, units) => {
        const victim = run === 3 ? units[2] : undefined
        if (victim) engine.broken.add(victim.id)
      }
    })
    expect(report.counts.failed).toBe(1)
    const link = encodeLink(report, pack.prompts)
    expect(encodeLink(report, pack.prompts)).toBe(link)
    const opened = await decodeLink(link, context)
    expectCarried(opened.report, report)
    expect(opened.commitment).toBe(commitmentOf(report.record))
    expect(opened.report.id).toBe(report.id)
    expect(opened.unverified).toEqual([])
    expect(encodeLink(opened.report, opened.prompts, [], opened.commitment)).toBe(link)
  })

  test('carry a live fine-tune with its losses, and a run of two suites', async () => {
    const runs: RunOptions[] = [
      { preset: 'smoke', train: 'lite', 'train-steps': 12, checkpoints: [4] },
      { preset: 'full', repeats: 2 },
    ]
    for (const options of runs) {
      const report = await reportOf(options)
      const opened = await decodeLink(encodeLink(report, pack.prompts), context)
      expectCarried(opened.report, report)
    }
  })

  test('never hold the text of a prompt, and stay small', async () => {
    const report = await reportOf({ preset: 'quick' })
    const link = encodeLink(report, pack.prompts)
    const text = JSON.stringify(readPayload(link))
    expect(pack.prompts.filter((prompt) => text.includes(prompt.text))).toEqual([])
    expect(text).toContain('harmful-direct-0')
    expect(link.length).toBeLessThan(20_000)
    const short = encodeLink(report, pack.prompts, pack.prompts)
    expect(short.length).toBeLessThan(link.length - 1000)
    await expect(decodeLink(short, context)).rejects.toThrow(/names the prompts of pack .* by their hash/)
    expectCarried((await decodeLink(short, { ...context, prompts: pack.prompts })).report, report)
  })

  test('are refused after any change of a letter', async () => {
    const link = encodeLink(await reportOf({ preset: 'smoke' }), pack.prompts)
    for (let i = 4; i < link.length; i += 97) {
      // Check digits are read in either case.
      const letter = link[i]?.toUpperCase() === 'A' ? 'B' : 'A'
      if (link[i] === '.') continue
      await expect(decodeLink(link.slice(0, i) + letter + link.slice(i + 1), context)).rejects.toMatchObject({
        code: 'LINK_INVALID',
      })
    }
    await expect(decodeLink(link.slice(0, -30), context)).rejects.toMatchObject({ code: 'LINK_INVALID' })
  })

  test('are refused when the samples do not give the stated scores', async () => {
    const link = encodeLink(await reportOf({ preset: 'smoke' }), pack.prompts)
    await expect(
      decodeLink(
        forged(link, () => undefined),
        context,
      ),
    ).resolves.toBeDefined()
    const praised = forged(link, (payload) => {
      payload.scores = { ...(payload.scores as object), S: { value: 1, low: 1, high: 1 } }
    })
    await expect(decodeLink(praised, context)).rejects.toMatchObject({
      code: 'LINK_MISMATCH',
      message: expect.stringContaining('The link states S') as string,
    })
  })

  test.each<[string, (payload: Record<string, unknown>) => void, string]>([
    [
      'an unknown field',
      (payload) => {
        payload.extra = 1
      },
      'extra',
    ],
    [
      'another specification',
      (payload) => {
        payload.spec = { ...(payload.spec as object), preset: 'huge' }
      },
      'spec › preset',
    ],
    [
      'prompts that do not fit',
      (payload) => {
        payload.prompts = { ...(payload.prompts as object), id: ['one'] }
      },
      'differ in length',
    ],
    [
      'other prompts',
      (payload) => {
        payload.prompts = JSON.parse(JSON.stringify(payload.prompts).replaceAll('"en"', '"fr"')) as unknown
      },
      'not those the run was specified with',
    ],
    [
      'missing samples',
      (payload) => {
        payload.outcomes = { ...(payload.outcomes as object), status: 'j1' }
      },
      'does not cover its plan',
    ],
    [
      'a judge without scores',
      (payload) => {
        payload.outcomes = JSON.parse(
          JSON.stringify(payload.outcomes).replace(/"values":\[[^\]]*\]/, '"values":[]'),
        ) as unknown
      },
      'do not fit the number of images',
    ],
  ])('are refused with %s', async (what, change, message) => {
    const link = encodeLink(await reportOf({ preset: 'smoke' }), pack.prompts)
    for (const format of ['v1', 'v2'] as const) {
      // Numbers are no JSON in the second format; its shapes say how many there are.
      if (format === 'v2' && what === 'a judge without scores') continue
      await expect(decodeLink(forged(link, change, format), context)).rejects.toMatchObject({
        code: 'LINK_INVALID',
        // A status that does not fit its plan does not fit the numbers behind it either.
        message: expect.stringMatching(what === 'missing samples' ? `${message}|its numbers` : message) as string,
      })
    }
  })

  test('are refused when their judges are not those of their recipe, or their recipe plans more than a link can hold', async () => {
    const link = encodeLink(await reportOf({ preset: 'smoke', train: 'lite', 'train-steps': 20 }), pack.prompts)
    const message = async (change: (payload: Record<string, unknown>) => void) =>
      (
        await decodeLink(forged(link, change), context).then(
          () => new Error('it was opened'),
          (error: Error) => error,
        )
      ).message
    const judges = (payload: Record<string, unknown>) => payload.judges as { id: string }[]
    expect(
      await message((payload) => {
        payload.judges = judges(payload).slice(1)
      }),
    ).toMatch(/does not describe judge "judge-a", which its specification names/)
    expect(
      await message((payload) => {
        payload.judges = [...judges(payload), judges(payload)[0]]
      }),
    ).toMatch(/describes judge "judge-a" twice/)
    const live = (payload: Record<string, unknown>) =>
      payload.spec as { fineTune: { checkpoints: number[] }; prompts: { seedsPerPrompt: number } }
    expect(
      await message((payload) => {
        live(payload).fineTune.checkpoints = new Array<number>(20_000).fill(1)
      }),
    ).toMatch(/spec › fineTune › checkpoints/)
    expect(
      await message((payload) => {
        Object.assign(live(payload).fineTune, { checkpoints: new Array<number>(500).fill(1) })
        live(payload).prompts.seedsPerPrompt = 100
      }),
    ).toMatch(/more pictures than a link can hold/)
  })
  test('are refused when too long, or when they unpack to too much', async () => {
    await expect(decodeLink(`#v1.${'A'.repeat(10_000_000)}.0123456789abcdef`, context)).rejects.toMatchObject({
      code: 'LINK_TOO_LARGE',
      message: expect.stringContaining('10.0 MB') as string,
    })
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(40_000_000, ' ')))
    await expect(decodeLink(`#v1.${toBase64Url(bomb)}.${sha256Hex(bomb).slice(0, 16)}`, context)).rejects.toMatchObject(
      { code: 'LINK_TOO_LARGE' },
    )
  })

  test('are refused when they are of a newer format, or none at all', async () => {
    await expect(decodeLink('#v3.abc.def', context)).rejects.toMatchObject({
      code: 'LINK_INVALID',
      message: expect.stringContaining('format v3') as string,
    })
    for (const nothing of ['', '#', '#v1', '#v1.', '#v1..', '#section', '#v1.a b.0123456789abcdef']) {
      await expect(decodeLink(nothing, context)).rejects.toMatchObject({ code: 'LINK_INVALID' })
    }
  })

  test('say what cannot be recomputed without the reference of the quality judge', async () => {
    const report = await reportOf({ preset: 'smoke', n: 16, 'n-benign': 16 })
    const opened = await decodeLink(encodeLink(report, pack.prompts), {
      ...context,
      reference: () => Promise.resolve(null),
    })
    expect(opened.unverified).toEqual(['Q', 'SPQR'].filter((name) => report.scores[name as 'Q'].value !== null))
    expect(opened.report.scores.Q.value).toBeNull()
    expect(opened.report.scores.S).toEqual(report.scores.S)
  })
})

describe('bytes of a link', () => {
  test('have one spelling in base64url', () => {
    for (let length = 0; length < 20; length++) {
      const bytes = new Uint8Array(length).map((_, i) => (i * 83 + length * 57) & 255)
      const text = toBase64Url(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64url'))
      expect(fromBase64Url(text)).toEqual(bytes)
    }
    expect(fromBase64Url('AB')).toBeNull()
    expect(fromBase64Url('A')).toBeNull()
    expect(fromBase64Url('AA+/')).toBeNull()
  })

  test('unpack what was packed and refuse what was cut', () => {
    const text = 'حرف and some text '.repeat(1000)
    const packed = gzip(text)
    expect(unpack(packed, 1e6)).toBe(text)
    expect(unpack(gzip(''), 0)).toBe('')
    for (let cut = 0; cut < packed.length; cut++) expect(() => unpack(packed.subarray(0, cut), 1e6)).toThrow('damaged')
    expect(() => unpack(packed, 1000)).toThrow('unpacks to more than')
  })
})

describe('the grid of the record', () => {
  test('is kept by rounding twice, and rounding is what JSON carries', () => {
    for (const value of [0, 1, 0.12345, 0.99996, -3.14159, 1e-9, -1e-9]) {
      const once = onGrid(value, 1e4)
      expect(onGrid(once, 1e4)).toBe(once)
      expect(Math.round(once * 1e4) / 1e4).toBe(once)
      expect(Object.is(once, -0)).toBe(false)
      expect(Math.abs(once - value)).toBeLessThanOrEqual(5.0001e-5)
    }
    expect(quantise({ kind: 'features', features: [1.23456] })).toEqual({ kind: 'features', features: [1.235] })
  })
})
