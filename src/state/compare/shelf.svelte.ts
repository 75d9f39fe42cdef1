/** The shelf: every finished run, import and opened link of this browser, to be named, found, sorted, kept and deleted. */
import { SvelteSet } from 'svelte/reactivity'
import {
  loadPart,
  reviveError,
  SHELF_LIMITS,
  SpqrError,
  type Report,
  type ShelfEntry,
  type ShelfLabel,
  type ShelfListing,
} from '../../core/contracts'
import { cleanLabel, entryOf, now } from '../../evaluation/shelf/entry'
import { headLine, readShelf, recordLine } from '../../evaluation/shelf/shelfFile'
import type { Services } from '../page/services'
import { checkJudging, type Known } from '../share/judging'
import { found, sorted, type Sort } from './shelfOrder'

/** Key of the recorded run, which is no run of the reader's and is not stored. */
export const RECORDED = 'recorded'
export const recordedEntry = (report: Report): ShelfEntry => ({
  ...entryOf(report, 'run', report.createdAt, { name: 'The recorded run', note: '', tags: [] }),
  key: RECORDED,
})

/** Reports held open: the rest is read and scored again when it is asked for. */
const OPEN = 12
const EMPTY: ShelfListing = { entries: [], damaged: [], unsaved: [] }

type Needs = Pick<Services, 'shelf' | 'statistics' | 'store' | 'persistence'>

export class Shelf {
  #listing = $state.raw<ShelfListing>(EMPTY)
  #loaded = $state(false)
  /** What is being read or written, as "3 of 12"; null when nothing is. */
  #progress = $state<string | null>(null)
  #persisted = $state<boolean | null>(null)
  #loading: Promise<void> | null = null
  readonly #open: Record<string, Report> = {}
  readonly #services: Needs
  readonly #known: Known
  query = $state('')
  sort = $state<{ by: Sort; descending: boolean }>({ by: 'addedAt', descending: true })
  /** Keys of the runs that are compared. */
  readonly chosen = new SvelteSet<string>()

  constructor(services: Needs, known: Known) {
    this.#services = services
    this.#known = known
  }

  get loaded(): boolean {
    return this.#loaded
  }
  get progress(): string | null {
    return this.#progress
  }
  /** Whether the browser keeps what it stores until the reader deletes it; null where it does not tell. */
  get persisted(): boolean | null {
    return this.#persisted
  }
  get damaged(): ShelfListing['damaged'] {
    return this.#listing.damaged
  }
  readonly entries = $derived(this.#listing.entries.filter(({ removedAt }) => removedAt === null))
  /** Deleted runs that can be brought back, the last one first. */
  readonly removed = $derived(
    this.#listing.entries
      .filter(({ removedAt }) => removedAt !== null)
      .sort((a, b) => (b.removedAt ?? '').localeCompare(a.removedAt ?? '')),
  )
  readonly unsaved = $derived(this.#listing.unsaved)
  /** What the search finds, sorted. */
  readonly visible = $derived(sorted(found(this.entries, this.query), this.sort))

  /** Reads the list, once; runs of earlier visits that finished before there was a shelf come onto it. */
  load(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<void> {
    await this.refresh()
    this.#loaded = true
    this.#persisted = await this.#services.persistence.persisted()
    if (!(await this.#services.shelf.adopted())) await this.#adopt()
  }

  async refresh(): Promise<void> {
    this.#listing = await this.#services.shelf.list()
    for (const key of this.chosen) {
      if (key !== RECORDED && !this.entries.some((entry) => entry.key === key)) this.chosen.delete(key)
    }
  }

  async #adopt(): Promise<void> {
    const { store, statistics, shelf } = this.#services
    const finished = (await store.list()).filter(({ done, planned }) => planned > 0 && done >= planned)
    await this.#during(finished.length, async (step) => {
      for (const { id } of finished) {
        step()
        // A damaged run has been told of by its store, and stays there.
        const record = await store.read(id).catch(() => null)
        if (record) await this.keep(await statistics.rescore(record, record.spec.scoring), 'run')
      }
    })
    await shelf.setAdopted()
  }

  /** Puts a run on the shelf; one that is there keeps its name. Returns its entry. */
  async keep(report: Report, kind: ShelfEntry['kind'], label?: ShelfLabel): Promise<ShelfEntry> {
    const { shelf, statistics } = this.#services
    if (this.#listing === EMPTY) this.#listing = await shelf.list()
    const entry = entryOf(report, kind, now(), label)
    const known = this.#listing.entries.find(({ key }) => key === entry.key)
    if (!known && this.#listing.entries.length >= SHELF_LIMITS.runs)
      throw new SpqrError(
        'STORAGE_FULL',
        `The shelf holds ${SHELF_LIMITS.runs} runs, and no more fit on it.`,
        'Save it as a file in Compare, and delete runs that you no longer need.',
      )
    this.#hold(entry.key, report)
    if (!known) await shelf.put(entry, await statistics.file(report))
    else if (known.removedAt !== null) await shelf.change({ ...known, removedAt: null })
    await this.refresh()
    return known ?? entry
  }

  /** Name, note and tags; an empty name leaves the one there was. */
  async label(key: string, label: ShelfLabel): Promise<void> {
    const entry = this.#at(key)
    await this.#services.shelf.change({ ...entry, ...cleanLabel(label, entry.name) })
    await this.refresh()
  }

  /** Deletes, so that it can be undone. */
  async remove(key: string): Promise<void> {
    await this.#services.shelf.change({ ...this.#at(key), removedAt: now() })
    await this.refresh()
  }

  async restore(key: string): Promise<void> {
    await this.#services.shelf.change({ ...this.#at(key), removedAt: null })
    await this.refresh()
  }

  /** Deletes for good, a damaged entry too. */
  async purge(...keys: string[]): Promise<void> {
    for (const key of keys) {
      this.#forget(key)
      await this.#services.shelf.remove(key)
    }
    await this.refresh()
  }

  /** The Report of a run, computed again from its file. @throws {SpqrError} RECORD_INVALID where that is damaged */
  async report(key: string): Promise<Report> {
    const known = this.#open[key]
    if (known) return known
    const { shelf, statistics } = this.#services
    const name = `"${this.#at(key).name}"`
    const record = await statistics.open(await shelf.file(key), name)
    checkJudging(record, this.#known, name)
    const report = await statistics.rescore(record, record.spec.scoring)
    this.#hold(key, report)
    return report
  }

  /** The file of a run as it is exported, and its name. @throws {SpqrError} RECORD_INVALID where it is gone */
  async file(key: string): Promise<{ file: Blob; name: string }> {
    const name = `${this.#at(key)
      .name.replace(/[\\/:*?"<>|]/g, ' ')
      .trim()}.json`
    return { file: new Blob([await this.#services.shelf.file(key)], { type: 'application/json' }), name }
  }

  /** Reports with their names, one after the other. */
  async reports(keys: readonly string[]): Promise<{ name: string; report: Report }[]> {
    const reports: { name: string; report: Report }[] = []
    await this.#during(keys.length, async (step) => {
      for (const key of keys) {
        step()
        reports.push({ name: this.#at(key).name, report: await this.report(key) })
      }
    })
    return reports
  }

  /** A table of the runs, one row each, as CSV. */
  async table(keys: readonly string[]): Promise<Blob> {
    const { namedRunsCsv } = await loadPart(() => import('../../evaluation/publish/csv'))
    return new Blob([namedRunsCsv(await this.reports(keys))], { type: 'text/csv' })
  }

  /** The runs as one file, gzipped; `left`: names of those whose stored file is gone or damaged. */
  async save(keys: readonly string[]): Promise<{ file: Blob; left: string[] }> {
    const lines: Blob[] = []
    const left: string[] = []
    await this.#during(keys.length, async (step) => {
      for (const key of keys) {
        step()
        const { name, note, tags, kind } = this.#at(key)
        const report = await this.#services.shelf.file(key).catch(() => null)
        if (report)
          lines.push(new Blob([recordLine({ label: { name, note, tags }, kind, report: await report.text() })]))
        else left.push(name)
      }
    })
    const whole = new Blob([headLine(lines.length), ...lines])
    return { file: await new Response(whole.stream().pipeThrough(new CompressionStream('gzip'))).blob(), left }
  }

  /** Takes the runs of a shelf file; each is validated and scored again. Says which could not be taken, and why. */
  async take(file: File): Promise<{ taken: number; refused: string[] }> {
    const { statistics } = this.#services
    const refused: string[] = []
    let taken = 0
    await this.#during(0, async (step) => {
      for await (const line of readShelf(file, file.name)) {
        step()
        if (line.record === null) {
          refused.push(`${line.name}: ${line.fault}`)
          continue
        }
        const { label, kind, report } = line.record
        try {
          const record = await statistics.open(new Blob([report]), `“${label.name}”`)
          checkJudging(record, this.#known, `“${label.name}”`)
          await this.keep(
            await statistics.rescore(record, record.spec.scoring),
            kind === 'run' ? 'import' : kind,
            label,
          )
          taken++
        } catch (thrown) {
          const error = reviveError(thrown)
          if (error.code !== 'RECORD_INVALID') throw thrown
          refused.push(error.message)
        }
      }
    })
    return { taken, refused }
  }

  /** Asks the browser to keep what this page stores. */
  async persist(): Promise<void> {
    this.#persisted = await this.#services.persistence.ask()
  }

  #at(key: string): ShelfEntry {
    const entry = this.#listing.entries.find((candidate) => candidate.key === key)
    if (entry) return entry
    throw new SpqrError(
      'BAD_INPUT',
      'This run is no longer on the shelf.',
      'Reload the page: another tab may have deleted it.',
    )
  }

  #hold(key: string, report: Report): void {
    this.#forget(key)
    this.#open[key] = report
    for (const oldest of Object.keys(this.#open).slice(0, -OPEN)) this.#forget(oldest)
  }

  #forget(key: string): void {
    Reflect.deleteProperty(this.#open, key)
  }

  async #during(of: number, work: (step: () => void) => Promise<void>): Promise<void> {
    let done = 0
    try {
      await work(() => {
        done++
        this.#progress = of > 0 ? `${done} of ${of}` : `${done}`
      })
    } finally {
      this.#progress = null
    }
  }
}
