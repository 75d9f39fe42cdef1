/** Categories that the gallery offers and shows: those under which the tables of the same record count. */
import { expect, test } from 'vitest'
import type { RunRecord } from '../../../../src/core/contracts'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { GalleryFilter } from '../../../../src/state/run/gallery.svelte'
import { record } from '../fixture'
import { scored } from '../report/scored'

const plain = record({ harmful: 8, benign: 8 })
const [first = ''] = plain.outcomes.flatMap(({ harmful, category }) => (harmful ? [category] : []))
const label = `${first} | sea`
const joined: RunRecord = {
  ...plain,
  outcomes: plain.outcomes.map((outcome) => (outcome.category === first ? { ...outcome, category: label } : outcome)),
}

test.each([1, 2] as const)('filters a record of rule %i by the categories of its tables', (scoringRule) => {
  const exhibit = new Exhibit()
  const report = scored({ ...joined, scoringRule })
  exhibit.show(report, { kind: 'live' }, null)
  const gallery = new GalleryFilter(exhibit)
  const harmful = new Set(report.categories.map(({ key }) => key))
  expect([harmful.has(label), harmful.has('sea')]).toEqual([scoringRule === 1, scoringRule === 2])
  for (const key of harmful) {
    expect(gallery.categories).toContain(key)
    gallery.category = key
    expect(gallery.matching.filter((sample) => sample.harmful)).toHaveLength(
      report.categories.find((cell) => cell.key === key)?.aligned.n ?? 0,
    )
  }
  gallery.category = 'all'
  expect(gallery.categories.includes(label)).toBe(scoringRule === 1)
})
