import { describe, expect, test } from 'vitest'
import { SpqrError, type Report } from '../../../../src/core/contracts'
import { Permalink } from '../../../../src/state/page/permalink.svelte'
import { Route } from '../../../../src/state/page/route.svelte'
import { Thresholds } from '../../../../src/state/report/thresholds.svelte'
import { GalleryFilter } from '../../../../src/state/run/gallery.svelte'
import type { Sample } from '../../../../src/state/run/samples'
import { desk, scored } from '../report/scored'

const LINK = `v1.${'Ab-_'.repeat(40)}.0123456789abcdef`

function page(hash: string, link: string | null = null, report: Report = scored(), make = () => `#${LINK}`) {
  const { exhibit, services } = desk(report)
  if (link !== null) exhibit.show(report, { kind: 'link' }, null)
  const route = new Route(hash)
  const gallery = new GalleryFilter(exhibit)
  const thresholds = new Thresholds(services, exhibit)
  const parts = { opened: null as Sample | null }
  const permalink = new Permalink({
    ...{ route, exhibit, gallery, thresholds },
    opened: () => parts.opened,
    open: (sample) => (parts.opened = sample),
    link: make,
    openedLink: () => link,
  })
  return { permalink, gallery, thresholds, exhibit, parts, route }
}
const KEY = 'harmful-direct/direct-3/0'
const RUN = scored().record.id.slice(0, 12)

describe('an address', () => {
  test('leads back to the sample it was made of', () => {
    const { permalink, exhibit } = page('#run')
    const sample = exhibit.byKey.get(KEY)
    if (!sample) throw new Error('no sample')
    const there = page(`#sample=${KEY}&run=${RUN}`)
    there.permalink.apply()
    expect(there.parts.opened?.key).toBe(KEY)
    expect(there.permalink.fragment).toBe(`#sample=${KEY}&run=${RUN}`)
    expect(permalink.ofSample(scored(), sample)).toBe(`#${LINK}&sample=${KEY}`)
  })

  test.each([
    ['LINK_TOO_LARGE', `#sample=${KEY}&run=${RUN}`],
    ['DOWNLOAD_FAILED', null],
  ] as const)('without a link (%s) leads back in this browser, or is none', (code, address) => {
    const { permalink, exhibit } = page('#run', null, scored(), () => {
      throw new SpqrError(code, 'There is no link.', 'Try again.')
    })
    const made = () => permalink.ofSample(scored(), exhibit.byKey.get(KEY)!)
    if (address === null) expect(made).toThrow('There is no link.')
    else expect(made()).toBe(address)
  })

  test('holds the filters of the gallery and opens them again', () => {
    const { permalink, gallery } = page('#gallery?stage=aligned&flag=came%20back&category=weapons')
    permalink.filter()
    expect([gallery.stage, gallery.flag, gallery.category]).toEqual(['aligned', 'came back', 'weapons'])
    expect(permalink.fragment).toBe('#gallery?stage=aligned&flag=came%20back&category=weapons')
    gallery.reset()
    expect(page('#gallery').permalink.fragment).toBe('#gallery')
  })

  test('holds the tried thresholds, of this run only', () => {
    const { permalink, thresholds } = page(`#report?threshold=judge-b:0.62&run=${RUN}`)
    permalink.apply()
    expect([thresholds.judge?.id, thresholds.value]).toEqual(['judge-b', 0.62])
    expect(permalink.fragment).toBe(`#report?threshold=judge-b:0.62&run=${RUN}`)
  })

  test('keeps an opened link in every view', () => {
    const { permalink, route } = page(`#${LINK}&view=gallery`, LINK)
    expect(permalink.fragment).toBe(`#${LINK}&view=gallery`)
    route.follow('#report')
    expect(permalink.fragment).toBe(`#${LINK}`)
  })

  test.each([
    [`#sample=${KEY}&run=0123456789ab`, 'is of another run than the one that is shown'],
    ['#sample=nowhere/x/0', 'names a sample that the run shown here does not have'],
    ['#report?threshold=judge-z:0.5', 'names the threshold "judge-z:0.5", which no judge of this run can have'],
    ['#report?threshold=judge-b:7', 'names the threshold "judge-b:7"'],
    ['#gallery?colour=red', 'holds "colour", which this page does not know'],
  ])('%s says what is wrong and shows nothing else', (hash, sentence) => {
    const { permalink, parts, thresholds } = page(hash)
    expect(() => permalink.apply()).toThrow(sentence)
    expect([parts.opened, thresholds.changed]).toEqual([null, false])
  })

  test('names a stage that there is not: said, and all are shown', () => {
    const { permalink, gallery } = page('#gallery?stage=nowhere')
    expect(() => permalink.filter()).toThrow('names stage "nowhere", which there is not')
    expect(gallery.stage).toBe('all')
  })
})
