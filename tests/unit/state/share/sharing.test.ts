import { beforeAll, expect, test } from 'vitest'
import type { Report, RunRecord, ScoringPreset } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { loadCodec } from '../../../../src/state/share/codec'
import { Sharing } from '../../../../src/state/share/sharing.svelte'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { PromptShelf } from '../../../../src/state/settings/promptShelf'
import { referenceFeatures } from '../../evaluation/fixture'
import { harness, pack, smoke } from '../../evaluation/harness'

beforeAll(() => loadCodec())

const report = await harness({ resamples: 2000 }).start(smoke)

/** `pending`: scorings that wait to be let through, where they are held back. */
function sharing({ held = false, away = 0 } = {}) {
  const pending: (() => void)[] = []
  const score = async (run: RunRecord, preset: ScoringPreset, reference: Float32Array | null, resamples: number) => {
    if (held) await new Promise<void>((resolve) => pending.push(resolve))
    return scoreRecord(run, preset, reference, resamples)
  }
  const services = {
    statistics: { score, away: () => away },
    reference: async () => referenceFeatures(),
    store: { image: async () => null },
  } as unknown as Services
  const exhibit = new Exhibit()
  const shelf = new PromptShelf()
  shelf.learn(pack.prompts)
  return { exhibit, pending, view: new Sharing(services, exhibit, new PackInfo(), shelf) }
}

test('a link opens as the report it was made from', async () => {
  const { view, exhibit } = sharing()
  await view.openLink(view.fragment(report))
  expect([exhibit.origin.kind, view.opening]).toEqual(['link', false])
  expect(exhibit.report?.scores).toEqual(report.scores)
  expect(view.fragment(view.opened?.report ?? report)).toBe(view.fragment(report))
})

test('no link carries a report that was scored again, or a run too large for the page', () => {
  const again: Report = { ...report, spec: { ...report.spec, scoring: { ...report.spec.scoring, epsilon: 0.1 } } }
  expect(() => sharing().view.fragment(again)).toThrow('this report was scored again')
  expect(() => sharing().view.fragment({ ...report, slice: { suites: [], categories: ['a'], languages: [] } })).toThrow(
    'scored again',
  )
  expect(() => sharing({ away: 9000 }).view.fragment(report)).toThrow('A run of 9000 pictures is too large for a link.')
})

test('a link that changed on its way throws, and what was shown stays', async () => {
  const { view, exhibit } = sharing()
  exhibit.show(report, { kind: 'stored', at: report.createdAt }, null)
  const link = view.fragment(report)
  await expect(view.openLink(link.slice(0, -40))).rejects.toMatchObject({
    code: expect.stringMatching(/^LINK_/) as unknown,
  })
  expect([exhibit.report === report, exhibit.origin.kind, view.opening]).toEqual([true, 'stored', false])
})

test('a run that began while a link was read keeps the stage', async () => {
  const { view, exhibit, pending } = sharing({ held: true })
  const opening = view.openLink(view.fragment(report))
  await expect.poll(() => pending.length).toBe(1)
  exhibit.begin(smoke, [], [], null)
  pending[0]?.()
  await opening
  expect([exhibit.origin.kind, exhibit.report, view.opened]).toEqual(['live', null, null])
})

test('a link that is given up for another one shows nothing, and its successor does', async () => {
  const { view, exhibit, pending } = sharing({ held: true })
  const opening = view.openLink(view.fragment(report))
  await expect.poll(() => pending.length).toBe(1)
  view.abandon()
  expect(view.opening).toBe(false)
  pending[0]?.()
  await opening
  expect([exhibit.origin.kind, view.opened]).toEqual(['nothing', null])
  const again = view.openLink(view.fragment(report))
  await expect.poll(() => pending.length).toBe(2)
  pending[1]?.()
  await again
  expect(exhibit.origin.kind).toBe('link')
})
