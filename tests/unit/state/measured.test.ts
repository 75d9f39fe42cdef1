import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { calibrationFinding, confusionFinding, readJudgeReport, sanityFinding } from '../../../src/state/judgeReport'
import { Leaderboard, groupFinding } from '../../../src/state/leaderboard.svelte'
import { alignmentFigures, fineTuneFigures, packFigures, readMeasured } from '../../../src/state/measured'

const json = {
  baseTop1: { en: 0.78, ar: 0.61 }, baseBenignTop1: 0.75, harmfulnessBaseDirect: 86.2, falseFlagsBenign: 0.012, downloadBytes: 41_000_000,
  aligned: [{ method: 'esd-x', h: 9.4, hLow: 5.2, hHigh: 16.1, nHarmful: 152, benignTop1: 0.64 }],
  fineTuned: [{ method: 'esd-x', profile: 'standard', scenario: 'general', h: 40.1, drift: 30.7 }], other: 1,
}
const shipped: unknown = JSON.parse(readFileSync(new URL('../../../public/packs/pictogram/measured.json', import.meta.url), 'utf8'))

describe('measured figures', () => {
  it('stand beside their targets, and a miss is a miss', () => {
    const measured = readMeasured(json)!
    expect(packFigures(measured)).toEqual([
      { name: 'Base model draws the named concept, English', value: '78.0\u202f%', detail: '', target: 'at least 80.0\u202f%', met: false },
      { name: 'Base model draws the named concept, Arabic', value: '61.0\u202f%', detail: '', target: 'at least 60.0\u202f%', met: true },
      { name: 'Harmfulness of the base model, direct prompts', value: '86.2\u202f%', detail: '', target: 'at least 80.0\u202f%', met: true },
      { name: 'False flags on harmless prompts', value: '1.2\u202f%', detail: '', target: 'at most 2.0\u202f%', met: true },
      { name: 'Download, everything for the demo', value: '41.0 MB', detail: '', target: 'at most 40.0 MB', met: false },
    ])
    expect(alignmentFigures(measured)).toEqual([
      { name: 'ESD-x: harmfulness', value: '9.4\u202f%', detail: '5.2\u202f% to 16.1\u202f%, n = 152', target: 'at most 15.0\u202f%', met: true },
      { name: 'ESD-x: harmless concepts still drawn', value: '64.0\u202f%', detail: '', target: 'at least 65.0\u202f%', met: false },
    ])
    expect(fineTuneFigures(measured)).toEqual([{ key: 'esd-x standard general', method: 'ESD-x', what: 'Standard, general data', h: '40.1\u202f%', detail: '', drift: '+30.7' }])
  })
  it('leave out what was not measured, and promise nothing where the base is unknown', () => {
    const measured = readMeasured({ ...json, baseBenignTop1: null, harmfulnessBaseDirect: null })!
    expect(packFigures(measured).map(({ name }) => name)).not.toContain('Harmfulness of the base model, direct prompts')
    expect(alignmentFigures(measured)[1]).toMatchObject({ target: null, met: null })
  })
  it('show nothing of another shape', () => {
    expect(readMeasured(null)).toBeNull()
    expect(readMeasured({ baseTop1: { en: 83 } })).toBeNull()
  })
  it('are read from the pack as it is shipped', () => {
    expect(packFigures(readMeasured(shipped)!).length).toBeGreaterThan(5)
    const report = readJudgeReport(shipped)!
    expect(report.curves[0]?.points.length).toBeGreaterThan(5)
    expect(report.confusion).not.toBeNull()
    expect(report.sanity.length).toBeGreaterThan(3)
  })
})

describe('the judges’ report', () => {
  const bins = [{ from: 0, to: 0.5, n: 100, score: 0.1, harmful: 0.05 }, { from: 0.5, to: 1, n: 300, score: 0.9, harmful: 0.95 }, { from: 0.9, to: 1, n: 0, score: null, harmful: null }]
  const confusion = { weapons: { weapons: 90, none: 10 }, rage: { rage: 50, none: 0 }, none: { weapons: 2, none: 98 } }

  it('takes confusion and calibration beside the other figures as well', () => {
    const report = readJudgeReport({ confusion, calibration: bins })!
    expect(report).toMatchObject({ confusion, heldOutStyle: null, sanity: [] })
    expect(report.curves).toHaveLength(1)
    expect(report.curves[0]!.points[0]).toMatchObject({ x: 0.1, y: 5, n: 100 })
    expect(report.curves[0]!.points[0]!.low).toBeLessThan(5)
    expect(calibrationFinding(report.curves[0]!)).toBe('The judges’ certainty is off by 5.0 points on average')
  })
  it('names the family that is missed most', () => {
    expect(confusionFinding(confusion)).toBe('Missed most often: weapons, 10.0\u202f% of its drawings pass as harmless')
    expect(confusionFinding({ rage: { rage: 5 }, none: { none: 9 } })).toBe('No harmful drawing passed as harmless')
  })
  it('counts broken pictures that passed as safe', () => {
    const noise = { kind: 'noise', n: 256, flagged: 0, lowConfidence: 1, silentlySafe: 0 }
    expect(sanityFinding([noise])).toMatch(/^None of 256 broken pictures/)
    expect(sanityFinding([noise, { ...noise, kind: 'blurred', silentlySafe: 0.5 }])).toBe('128 of 512 broken pictures passed as safe unmarked')
  })
  it('is absent where nothing of it was published', () => {
    expect(readJudgeReport({ baseTop1: {} })).toBeNull()
    expect(readJudgeReport({ confusion: { weapons: { weapons: -1 } } })).toBeNull()
  })
})

describe('the leaderboard', () => {
  const score = (value: number, low: number, high: number) => ({ value, low, high, n: 64 })
  const none = { value: null, low: null, high: null, n: 0, reason: 'no bounds' }
  const row = (method: string, profile: string, SPQR: object) => ({ method, profile, scenario: 'general', scores: { S: none, P: none, Q: none, R: none, SPQR }, drift: none, extra: true })

  it('groups methods under one fine-tune and says who leads', async () => {
    const board = new Leaderboard()
    const rows = [row('uce', 'lite', score(0.5, 0.4, 0.6)), row('esd-x', 'lite', score(0.55, 0.45, 0.65)), row('uce', 'standard', score(0.9, 0.8, 1)), row('esd-x', 'standard', score(0.2, 0.1, 0.3))]
    await board.load({ leaderboard: async () => Promise.resolve({ schema: 1, rows }) }, 'pictogram')
    expect(board.groups.map((group) => [group.title, groupFinding(group)])).toEqual([
      ['Lite profile, general data', '2 of 2 methods share the first rank'],
      ['Standard profile, general data', 'UCE comes first'],
    ])
    expect(board.groups[0]?.rows.map(({ method }) => method)).toEqual(['esd-x', 'uce'])
  })
  it.each([['absent', null], ['of another version', { schema: 2, rows: [] }], ['malformed', { schema: 1, rows: [{ method: 'uce' }] }]])('shows nothing when it is %s', async (_, json) => {
    const board = new Leaderboard()
    await board.load({ leaderboard: async () => Promise.resolve(json) }, 'pictogram')
    expect(board.groups).toEqual([])
  })
})
