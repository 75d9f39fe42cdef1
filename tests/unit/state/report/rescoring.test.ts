import { expect, test, vi } from 'vitest'
import { Rescoring } from '../../../../src/state/report/rescoring.svelte'
import { desk, scored } from './scored'

async function begun() {
  const { exhibit, services, asked, at } = desk()
  const rescoring = new Rescoring(services, exhibit)
  const report = exhibit.report ?? scored()
  await rescoring.begin(report)
  const { draft } = rescoring
  if (!draft) throw new Error('The fields are empty.')
  return { exhibit, asked, at, rescoring, report, draft }
}

test('a wrong field is told by its name and changes nothing', async () => {
  const { exhibit, asked, rescoring, report, draft } = await begun()
  for (const [field, text, said] of [
    ['epsilon', 'much', 'ε must be a number from 0 to 0.499; it is "much".'],
    ['fidMin', '1', 'One FID bound is missing.'],
  ] as const) {
    const before = draft[field]
    draft[field] = text
    rescoring.edited()
    await rescoring.apply()
    expect(rescoring.problem).toContain(said)
    draft[field] = before
  }
  expect([asked.length, exhibit.report === report, rescoring.busy]).toEqual([0, true, false])
})

test('typed constants and a part of the run are what is scored; undo brings the whole run back', async () => {
  const { exhibit, at, rescoring, report, draft } = await begun()
  draft.epsilon = '0,1'
  draft.category = 'weapons'
  rescoring.edited()
  const applied = rescoring.apply()
  expect(at(0)).toMatchObject({
    preset: { name: 'custom', epsilon: 0.1 },
    slice: { suites: [], categories: ['weapons'], languages: [] },
  })
  at(0).finish()
  await applied
  expect(exhibit.report?.spec.scoring.epsilon).toBe(0.1)
  const undone = rescoring.undo()
  await vi.waitFor(() => at(1).finish())
  await undone
  expect(exhibit.report?.scores).toEqual(report.scores)
  expect([rescoring.choice, rescoring.draft?.category, rescoring.draft?.epsilon]).toEqual(['run', '', '0.05'])
})

test('a preset fills in its constants and leaves the part of the run', async () => {
  const { at, rescoring, draft } = await begun()
  draft.language = 'en'
  rescoring.choose('paper')
  expect(rescoring.draft?.language).toBe('en')
  void rescoring.apply()
  expect(at(0)).toMatchObject({ preset: { name: 'paper' }, slice: { languages: ['en'] } })
})

test('another report that was shown meanwhile is not overwritten', async () => {
  const { exhibit, at, rescoring } = await begun()
  const applied = rescoring.apply()
  const other = scored()
  exhibit.show(other, { kind: 'link' }, null)
  at(0).finish()
  await applied
  expect(exhibit.report).toBe(other)
})
