/**
 * What is open inside a view, in the address: a sample, the filters of the gallery, judges' thresholds. The address names
 * the run they are of, so that it never shows those of another.
 */
import { SpqrError, STAGES, type Report } from '../../core/contracts'
import { FLAG_FILTERS, type GalleryFilter } from '../run/gallery.svelte'
import type { Exhibit } from '../run/exhibit.svelte'
import type { Sample } from '../run/samples'
import type { Thresholds } from '../report/thresholds.svelte'
import { readPairs } from './pairs'
import type { Route } from './route.svelte'

/** Digits of a run's id in an address: 48 bits tell runs apart. */
const RUN_DIGITS = 12
const KEYS = ['sample', 'run', 'stage', 'flag', 'category', 'suite', 'threshold', 'view']
const FILTERS = ['stage', 'flag', 'category', 'suite'] as const

export interface PermalinkParts {
  route: Route
  exhibit: Exhibit
  gallery: GalleryFilter
  thresholds: Thresholds
  /** The sample in the dialog. */
  opened(): Sample | null
  open(sample: Sample): void
  /** The full link of a report, `#` included. Throws SpqrError when there can be none. */
  link(report: Report): string
  /** The opened link, without `#`; null when none is open. */
  openedLink(): string | null
}

export class Permalink {
  readonly #parts: PermalinkParts

  constructor(parts: PermalinkParts) {
    this.#parts = parts
  }

  /** The fragment that leads back to what is shown, `#` included; null where the address should stay as it is. */
  readonly fragment = $derived.by((): string | null => {
    const { route, exhibit } = this.#parts
    const link = this.#parts.openedLink()
    if (route.place.anchor !== null || (route.place.link !== null && link === null)) return null
    if (exhibit.origin.kind === 'live' && exhibit.report === null) return null
    const pairs = this.#pairs(link !== null)
    if (link !== null) {
      const view = route.view === 'report' ? [] : [['view', route.view]]
      return `#${[link, ...[...view, ...pairs].map(joined)].join('&')}`
    }
    if (pairs.length === 0) return `#${route.view}`
    const query = pairs.map(joined).join('&')
    return route.view === 'run' && query.startsWith('sample=') ? `#${query}` : `#${route.view}?${query}`
  })

  #pairs(withLink: boolean): string[][] {
    const { route, exhibit, gallery, thresholds } = this.#parts
    const sample = this.#parts.opened()
    const filters =
      route.view === 'gallery'
        ? FILTERS.flatMap((name) => (gallery[name] === 'all' ? [] : [[name, gallery[name]]]))
        : []
    const tried =
      route.view === 'report'
        ? Object.entries(thresholds.tried).map(([judge, value]) => ['threshold', `${judge}:${value}`])
        : []
    const { report } = exhibit
    const run =
      report && !withLink && (sample || tried.length > 0) ? [['run', report.record.id.slice(0, RUN_DIGITS)]] : []
    return [...(sample ? [['sample', sample.key]] : []), ...filters, ...tried, ...run]
  }

  /**
   * The fragment of a sample that leads a stranger there: with the link of the run where it can have one.
   * @throws {SpqrError} DOWNLOAD_FAILED while what makes links is not loaded
   */
  ofSample(report: Report, { key }: Sample): string {
    const pair = joined(['sample', key])
    const { exhibit } = this.#parts
    const here = `#${pair}&run=${report.record.id.slice(0, RUN_DIGITS)}`
    // Whoever opens the page has the recorded run.
    if (exhibit.origin.kind === 'recorded') return here
    try {
      return `${this.#parts.link(report)}&${pair}`
    } catch (thrown) {
      if (thrown instanceof SpqrError && thrown.code !== 'DOWNLOAD_FAILED') return here
      throw thrown
    }
  }

  /** Filters of the gallery, before anything is shown. @throws {SpqrError} BAD_INPUT for what there is not. */
  filter(): void {
    const { route, gallery } = this.#parts
    const { query } = route.place
    if (query === '' || route.view !== 'gallery') return
    const given = readPairs(query)
    gallery.reset()
    const problems: string[] = []
    const stage = given.get('stage')
    const flag = given.get('flag')
    const known = { stage: STAGES.find((one) => one === stage), flag: FLAG_FILTERS.find((one) => one === flag) }
    if (known.stage) gallery.stage = known.stage
    else if (stage !== null) problems.push(`stage "${stage.slice(0, 40)}"`)
    if (known.flag) gallery.flag = known.flag
    else if (flag !== null) problems.push(`verdict "${flag.slice(0, 40)}"`)
    gallery.category = given.get('category') ?? 'all'
    gallery.suite = given.get('suite') ?? 'all'
    if (problems.length > 0)
      throw wrong(`names ${problems.join(' and ')}, which there is not`, 'Choose from the lists.')
  }

  /** The sample and the thresholds of the address, once a run is shown. @throws {SpqrError} BAD_INPUT */
  apply(): void {
    const { route, exhibit, thresholds } = this.#parts
    const { query, link } = route.place
    if (query === '' || (link !== null && this.#parts.openedLink() === null)) return
    const given = readPairs(query)
    const [key, run, tried] = [given.get('sample'), given.get('run'), given.getAll('threshold')]
    if (link === null) {
      const strange = [...given.keys()].find((name) => !KEYS.includes(name))
      if (strange !== undefined)
        throw wrong(`holds "${strange.slice(0, 40)}", which this page does not know`, 'The rest of it was followed.')
    }
    if (key === null && tried.length === 0) return
    const { report } = exhibit
    if (run !== null && !report?.record.id.startsWith(run))
      throw wrong(
        'is of another run than the one that is shown',
        'Open the link or the file of that run first, then follow the address again.',
      )
    for (const one of tried) {
      const [, judge = '', value = ''] = /^(.*):([\d.]+)$/s.exec(one) ?? []
      const threshold = Number(value)
      if (!thresholds.judges.some(({ id }) => id === judge) || !(threshold > 0 && threshold < 1))
        throw wrong(
          `names the threshold "${one.slice(0, 60)}", which no judge of this run can have`,
          'Move the slider in the report instead.',
        )
      thresholds.choose(judge)
      thresholds.try(judge, threshold)
    }
    if (key === null) return
    const sample = exhibit.byKey.get(key)
    if (!sample)
      throw wrong('names a sample that the run shown here does not have', 'Choose one in the gallery instead.')
    this.#parts.open(sample)
  }
}

const joined = ([name = '', value = '']: readonly string[]): string =>
  `${name}=${encodeURIComponent(value).replaceAll('%2F', '/').replaceAll('%3A', ':')}`

const wrong = (what: string, hint: string): SpqrError => new SpqrError('BAD_INPUT', `The address ${what}.`, hint)
