/** Reports side by side: the one shown, and those brought in from files. Their figures are computed again, never taken on trust. */
import type { ReadableFile, Report, ComparisonPage } from '../../core/contracts'
import { checkFileSize } from '../../core/scoring'
import type { Exhibit } from '../run/exhibit.svelte'
import type { Services } from '../page/services'

/** Said of files of version 0.1.0, and of those that something else wrote. */
const UNSEALED =
  'This file carries no seal. Its scores were computed again, but a number that somebody changed in it could not be noticed.'

export interface Shelved {
  name: string
  report: Report
}

export class Library {
  #shelf = $state.raw<readonly Shelved[]>([])
  #busy = $state(false)
  readonly #services: Services
  readonly #exhibit: Exhibit

  constructor(services: Services, exhibit: Exhibit) {
    this.#services = services
    this.#exhibit = exhibit
  }

  get shelf(): readonly Shelved[] {
    return this.#shelf
  }
  get busy(): boolean {
    return this.#busy
  }

  /** Reads a Report or run record, scores it again and shows it. Throws one clear SpqrError; nothing shown before is lost. */
  async importFile(file: ReadableFile & { name: string }): Promise<void> {
    checkFileSize(file.size, file.name)
    await this.#work(async ({ statistics }) => {
      const record = await statistics.open(file, file.name)
      const scored = await statistics.rescore(record, record.spec.scoring)
      const notes = statistics.unsealed(record) ? [UNSEALED, ...scored.notes] : scored.notes
      this.#take(file.name, file.name, { ...scored, notes })
    })
  }

  /** Merges shelved shards of one specification into one report, and shows it. Throws when they contradict each other. */
  async merge(shards: readonly Shelved[]): Promise<void> {
    await this.#work(async ({ statistics }) => {
      const { record, notes } = await statistics.merge(
        shards.map(({ name, report }) => ({ name, record: report.record })),
      )
      const scored = await statistics.rescore(record, record.spec.scoring)
      this.#shelf = this.#shelf.filter((entry) => !shards.includes(entry))
      this.#take(`${shards.length} shards merged`, `${shards.length} merged files`, {
        ...scored,
        notes: [...notes, ...scored.notes],
      })
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

  #take(name: string, origin: string, report: Report): void {
    this.shelve(name, report)
    this.#exhibit.show(report, { kind: 'imported', name: origin }, (unitId) => this.#services.store.image(unitId))
  }

  /** The same run of the same name takes its place; another one of that name, such as a second shard, stands beside it. */
  shelve(name: string, report: Report): void {
    const others = this.#shelf.filter((entry) => entry.name !== name || entry.report.createdAt !== report.createdAt)
    const taken = (wanted: string) => others.some((entry) => entry.name === wanted)
    let free = name
    for (let number = 2; taken(free); number++) free = `${name} (${number})`
    this.#shelf = [...others, { name: free, report }]
  }

  show(entry: Shelved): void {
    this.#exhibit.show(entry.report, { kind: 'imported', name: entry.name }, (unitId) =>
      this.#services.store.image(unitId),
    )
  }

  /** What differs between two reports, unit by unit. */
  compare(first: Report, second: Report): Promise<ComparisonPage> {
    return this.#services.statistics.compare(first, second)
  }

  remove(entry: Shelved): void {
    this.#shelf = this.#shelf.filter((other) => other !== entry)
  }
}
