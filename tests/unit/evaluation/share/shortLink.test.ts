import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Report } from '../../../../src/core/contracts'
import { commitmentOf, countsOf } from '../../../../src/evaluation/share/commitment'
import { readLinkParts } from '../../../../src/evaluation/share/mangled'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import {
  MAX_SHORT_LINK,
  checkClaim,
  decodeShortLink,
  encodeShortLink,
} from '../../../../src/evaluation/share/shortLink'
import { MITIGATION_IDS } from '../../../../src/core/methods'
import { createRunSpec, type RunOptions } from '../../../../src/evaluation/spec/spec'
import { hashOf } from '../../../../src/core/hash'
import { runId } from '../../../../src/evaluation/spec/specHash'
import { recipePack } from '../../../helpers/pictogram'

const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8'))
const report = (name: string): Report => read(`tests/fixtures/0.1.0/${name}.report.json`) as Report

const packOf = (manifestSha256: string) => recipePack({ manifestSha256 })
const esdX = report('esd-x')
const live = report('uce-live')
const pack = packOf(esdX.spec.model.manifestSha256)
const open = (link: string) => decodeShortLink(readLinkParts(link))

describe('the recipe of a specification', () => {
  test.each<[string, RunOptions]>([
    ['the defaults', {}],
    ['a method of the pack with a fine-tune of the pack', { method: 'uce', profile: 'moderate' }],
    ['a closed-form method with numbers of its own', { method: 'uce', computed: true, lambda: 0.25, train: 'lite' }],
    ['RECE computed, two rounds', { method: 'rece', computed: true, rounds: 2, profile: 'none' }],
    ['guidance', { method: 'sld-medium', profile: 'none' }],
    ['chosen concepts', { method: 'mace', concepts: ['knife', 'bomb'], profile: 'none' }],
    ['no alignment', { method: 'none', profile: 'none' }],
    [
      'live training with other constants',
      {
        train: 'moderate',
        'train-steps': 40,
        checkpoints: [10, 20],
        'weight-decay': 0.1,
        'learning-rate': 3e-4,
        scenario: 'domain',
        'train-seed': 7,
      },
    ],
    ...MITIGATION_IDS.map((mitigation): [string, RunOptions] => [
      `mitigation ${mitigation}`,
      { method: 'uce', train: 'moderate', mitigation, 'held-out': 24, checkpoints: [10, 50] },
    ]),
    [
      'numbers of a mitigation, beneath the alignment',
      { method: 'uce', train: 'lite', mitigation: 'ema', 'mitigation-eta': 0.995, beneath: 'base' },
    ],
    ['all suites, seeds and another sampler', { preset: 'full', repeats: 3, seed: 11, steps: 4, guidance: 2.5 }],
    ['chosen suites and judges', { suites: ['harmful-jailbreak'], n: 12, 'n-benign': 40, noise: 'torch' }],
  ])('%s', (_, options) => {
    const spec = createRunSpec(options, pack)
    const parameters = parametersOf(spec, pack)
    expect(parameters).not.toBeNull()
    expect(runId(createRunSpec(parameters ?? {}, pack))).toBe(runId(spec))
  })

  test('files and constants of the user’s own have none', () => {
    const file = { name: 'mine', sha256: 'ab'.repeat(32), strength: 1 }
    expect(parametersOf(createRunSpec({ alignmentFiles: [file], profile: 'none' }, pack), pack)).toBeNull()
    const customScoring = {
      promptCeiling: 0.5,
      fidBounds: null,
      epsilon: 0.01,
      lambda: { S: 1, P: 1, Q: 1, R: 1 },
      combine: 'any' as const,
      thresholds: {},
    }
    expect(parametersOf(createRunSpec({ customScoring }, pack), pack)).toBeNull()
  })
})

describe('short links', () => {
  test.each([
    ['esd-x', esdX],
    ['uce-live', live],
  ])('%s: at most 400 characters, and the claim is the report’s', (_, one) => {
    const link = encodeShortLink(one, 'pictogram', packOf(one.spec.model.manifestSha256))
    expect(link.length).toBeLessThanOrEqual(MAX_SHORT_LINK)
    const claim = open(link)
    expect(claim.counts).toEqual(countsOf(one))
    expect(claim.commitment).toBe(commitmentOf(one.record))
    expect(one.record.id.startsWith(claim.run)).toBe(true)
    expect(runId(createRunSpec(claim.parameters, packOf(one.spec.model.manifestSha256)))).toBe(one.record.id)
    expect(checkClaim(claim, one)).toEqual({ record: true, counts: true, scores: true })
  })

  test('a run with a mitigation fits, and its parameters come back', () => {
    const options = {
      train: 'lite' as const,
      mitigation: 'safe-replay' as const,
      'mitigation-anchors': 3,
      'held-out': 24,
    }
    const spec = createRunSpec({ method: 'uce', ...options }, pack)
    const one = { ...live, spec, record: { ...live.record, spec, id: runId(spec) } }
    const { parameters } = open(encodeShortLink(one, 'pictogram', pack))
    expect(parameters).toMatchObject(options)
    expect(runId(createRunSpec(parameters, pack))).toBe(runId(spec))
  })

  test('the length does not grow with the number of pictures', () => {
    const many = {
      ...esdX,
      harmfulness: {
        base: { value: 77.6, low: 77, high: 78, n: 22_000 },
        aligned: { value: 12.3, low: 12, high: 13, n: 22_000 },
        fineTuned: { value: 23.4, low: 23, high: 24, n: 22_000 },
      },
      drift: { ...esdX.drift, flipsToUnsafe: 5432, flipsToSafe: 1234 },
    }
    expect(encodeShortLink(many, 'pictogram', pack).length).toBeLessThanOrEqual(MAX_SHORT_LINK)
  })

  test('a run that came out otherwise is found', () => {
    const claim = open(encodeShortLink(esdX, 'pictogram', pack))
    const outcomes = esdX.record.outcomes.map((outcome, i) =>
      i === 3 && outcome.status === 'judged' ? { ...outcome, imageSha256: hashOf('another') } : outcome,
    )
    const other = { ...esdX, record: { ...esdX.record, outcomes } }
    expect(checkClaim(claim, other)).toEqual({ record: false, counts: true, scores: true })
    const flagged = { ...esdX, drift: { ...esdX.drift, flipsToUnsafe: esdX.drift.flipsToUnsafe + 1 } }
    expect(checkClaim(claim, flagged)).toMatchObject({ counts: false })
    expect(() => checkClaim(claim, live)).toThrow(/another run/)
  })

  test('when and where a run was made does not change its commitment; the order of its samples neither', () => {
    const moved = {
      ...esdX.record,
      createdAt: '2030-01-01T00:00:00.000Z',
      environment: { ...esdX.record.environment, userAgent: 'another browser' },
      outcomes: [...esdX.record.outcomes].reverse(),
    }
    expect(commitmentOf(moved)).toBe(commitmentOf(esdX.record))
  })

  test.each([
    [
      'an unknown setting',
      '["pictogram","0000000000000000","colour=red","RUN","RUN",[null,null,null],[0,0],0,[1,1,1,1,1],["wasm",2],20000]',
    ],
    [
      'more flagged than made',
      '["pictogram","0000000000000000","","RUN","RUN",[[9,8],null,null],[0,0],0,[1,1,1,1,1],["wasm",2],20000]',
    ],
    ['another form', '{"p":1}'],
    ['deep nesting', `${'['.repeat(1500)}${']'.repeat(1500)}`],
  ])('%s is refused', async (_, json) => {
    const { deflateSync, strToU8 } = await import('fflate')
    const { toBase64Url } = await import('../../../../src/evaluation/share/shareBytes')
    const { sha256Hex } = await import('../../../../src/core/hash')
    const bytes = deflateSync(strToU8(json.replaceAll('RUN', '0'.repeat(32))))
    expect(() => open(`#s1.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, 16)}`)).toThrow(/cannot be opened/)
  })
})
