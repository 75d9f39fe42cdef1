/** Reports from files, links and the shelf: brought in, shown, merged. Their figures are computed again, never taken on trust. */
import {
  SpqrError,
  firstDifference,
  type ComparisonPage,
  type GeneratedImage,
  type Report,
  type ShelfEntry,
} from '../../core/contracts'
import { checkFileSize } from '../../core/scoring'
import { equalJson } from '../../core/scoring/record/equal'
import { isShelf } from '../../evaluation/shelf/shelfFile'
import { firstSentences } from '../../evaluation/spec/params'
import type { Exhibit, Origin } from '../run/exhibit.svelte'
import type { Guard, Notices } from '../page/notices.svelte'
import type { Services } from '../page/services'
import { checkJudging, type Known } from '../share/judging'
import { Shelf } from './shelf.svelte'

/** Said of files of version 0.1.0, and of those that something else wrote. */
const UNSEALED =
  'This file carries no seal. Its scores were computed again, but a number that somebody changed in it could not be noticed.'

export class Library {
  readonly shelf: Shelf
  #busy = $state(false)
  readonly #services: Services
  readonly #exhibit: Exhibit
  readonly #known: Known

  constructor(services: Services, exhibit: Exhibit, notices: Notices, known: Known) {
    this.#services = services
    this.#exhibit = exhibit
    this.#known = known
    this.shelf = new Shelf(services, known)
    const kinds: Partial<Record<Origin['kind'], ShelfEntry['kind']>> = { live: 'run', stored: 'run', link: 'link' }
    // Beside whatever follows: a large run takes a while to be written.
    exhibit.onreport = (report, { kind: origin }) => {
      const kind = kinds[origin]
      if (kind) void notices.guard(() => this.shelf.keep(report, kind))
    }
  }

  get busy(): boolean {
    return this.#busy
  }

  /**
   * Reads a Report or run record, scores it again, puts it on the shelf and shows it; or takes the runs of a shelf file.
   * @throws {SpqrError} one clear sentence; nothing shown before is lost
   */
  async importFile(file: File): Promise<void> {
    checkFileSize(file.size, file.name)
    await this.#work(async ({ statistics }) => {
      if (await isShelf(file)) return this.#takeShelf(file)
      const record = await statistics.open(file, file.name)
      checkJudging(record, this.#known, file.name)
      const scored = await statistics.rescore(record, record.spec.scoring)
      const notes = statistics.unsealed(record) ? [UNSEALED] : []
      const stated = statistics.stated(record)
      // Claims under other constants, or of a part of the run, are other numbers.
      const alike = stated && !stated.slice && equalJson(stated.spec.scoring, record.spec.scoring)
      const difference = alike ? firstDifference(stated, scored.scores) : null
      if (difference) {
        const { name, claimed, given } = difference
        notes.push(`The file states ${name} ${claimed}, and its samples give ${given}, which is shown here.`)
      }
      await this.#take(file.name.replace(/\.json$/i, ''), file.name, { ...scored, notes: [...notes, ...scored.notes] })
    })
  }

  /** The same of several, each on its own: what is wrong with one is said, and keeps none of the others away. */
  async importFiles(files: readonly File[], guard: Guard): Promise<void> {
    for (const file of files) await guard(() => this.importFile(file), `the file ${file.name}`)
  }

  async #takeShelf(file: File): Promise<void> {
    const { taken, refused } = await this.shelf.take(file)
    if (refused.length === 0) return
    const said = `Of the runs in ${file.name}, ${taken} came in and ${refused.length} did not.`
    throw new SpqrError(
      'RECORD_INVALID',
      `${said} ${firstSentences(refused)}`,
      'What came in is kept. Ask for the others where the file comes from.',
    )
  }

  /** Merges shards of one specification into one report, and shows it. Throws when they contradict each other. */
  async merge(keys: readonly string[]): Promise<void> {
    await this.#work(async ({ statistics }) => {
      const shards = await this.shelf.reports(keys)
      const { record, notes } = await statistics.merge(
        shards.map(({ name, report }) => ({ name, record: report.record })),
      )
      const scored = await statistics.rescore(record, record.spec.scoring)
      await this.#take(`${shards.length} shards merged`, `${shards.length} merged files`, {
        ...scored,
        notes: [...notes, ...scored.notes],
      })
      for (const key of keys) await this.shelf.remove(key)
    })
  }

  async #work(work: (services: Services) => Promise<void>): Promise<void> {
    this.#busy = true
    try {
      await work(this.#services)
    } finally {
      this.#busy = false
    }
  }

  async #take(name: string, origin: string, report: Report): Promise<void> {
    this.#exhibit.show(report, { kind: 'imported', name: origin }, (unitId) => this.#services.store.image(unitId))
    await this.shelf.keep(report, 'import', { name, note: '', tags: [] })
  }

  /** Shows a run of the shelf in every view. */
  async show({ key, name, kind, createdAt }: ShelfEntry): Promise<void> {
    await this.#work(async ({ store }) => {
      const report = await this.shelf.report(key)
      const origin = kind === 'run' ? { kind: 'stored' as const, at: createdAt } : { kind: 'imported' as const, name }
      this.#exhibit.show(report, origin, (unitId) => store.image(unitId))
    })
  }

  /** A picture that this browser keeps; null where it does not. */
  image(unitId: string): Promise<GeneratedImage | null> {
    return this.#services.store.image(unitId)
  }

  /** The differences of two reports, and what changed unit by unit. */
  compare(first: Report, second: Report): Promise<ComparisonPage> {
    return this.#services.statistics.compare(first, second)
  }
}
