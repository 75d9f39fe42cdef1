/** The recorded run says which row of the pack's study it is, beside a method that held. */
import { expect, test } from 'vitest'
import type { Report } from '../../../../src/core/contracts'
import { Leaderboard } from '../../../../src/state/about/leaderboard.svelte'
import { besideRecorded } from '../../../../src/state/run/suggestion'
import { manifest, packJson, publicJson } from '../../../helpers/pictogram'

const { report } = publicJson('recorded/demo.json') as { report: Report }
const recorded = { kind: 'recorded', at: '2026-11-28' } as const
const study = new Leaderboard({ leaderboard: () => Promise.resolve(packJson('leaderboard.json')) })
await study.load('pictogram', manifest)

test('a recorded run is named as a method that breaks, with one that was not shown to', () => {
  const sentence = besideRecorded(report, recorded, manifest, study) ?? ''
  const [, drift, other, before, after] =
    /^This is ESD-x, which breaks, .* \((\+\d+\.\d) points\)\. Under the same one (.+) was not shown to break: (\d+\.\d) % were flagged before and (\d+\.\d) % after\.$/.exec(
      sentence,
    ) ?? []
  const [worst] = study.rowsOf('esd-x')
  expect([worst?.profile, worst?.scenario, worst?.shown.change]).toEqual(['standard', 'general', 'rise'])
  expect(Number(drift)).toBeCloseTo(worst?.drift.value ?? 0, 1)
  const held = study.held('standard', 'general')
  expect(held.map(({ name }) => name)).toContain(other)
  expect(Number(after)).toBeLessThan(Number(before) + 3)
})

test('nothing is said of other runs, nor where the study knows nothing of it', () => {
  expect(besideRecorded(report, { kind: 'live' }, manifest, study)).toBeNull()
  expect(besideRecorded(report, recorded, manifest, { held: () => [], rowsOf: () => [] })).toBeNull()
  expect(besideRecorded(null, recorded, manifest, study)).toBeNull()
})
