/** Reports side by side: the one shown, and those brought in from files. Their figures are computed again, never taken on trust. */
import type { JudgeFacts, ReadableFile, Report, RunRecord } from '../core/contracts'
import { compareReports, type Comparison } from '../evaluation/compare'
import { checkFileSize, mergeRecords } from '../evaluation/merge'
import { DEFAULT_RESAMPLES } from '../evaluation/score'
import type { Exhibit } from './exhibit.svelte'
import type { Services } from './services'

/** Above this a file is read and scored in the worker only, so that the page never stalls. */
const LARGE_BYTES = 20_000_000

export interface Shelved { name: string; report: Report }

export class Library {
  #shelf = $state.raw<readonly Shelved[]>([])
  #busy = $state(false)
  readonly #services: Services
  readonly #exhibit: Exhibit

  constructor(services: Services, exhibit: Exhibit) {
    this.#services = services
    this.#exhibit = exhibit
  }

  get shelf(): readonly Shelved[] { return this.#shelf }
  get busy(): boolean { return this.#busy }

  /** Reads a Report or run record, scores it again and shows it. Throws one clear SpqrError; nothing shown before is lost. */
  async importFile(file: ReadableFile & { name: string }): Promise<void> {
    checkFileSize(file.size, file.name)
    this.#busy = true
    try {
      const report = file.size > LARGE_BYTES ? await this.#large(file) : await this.rescore(await this.#services.statistics.readRecord(await file.text(), file.name))
      this.shelve(file.name, report)
      this.#exhibit.show(report, { kind: 'imported', name: file.name }, (unitId) => this.#services.store.image(unitId))
    } finally {
      this.#busy = false
    }
  }

  /** A large run stays in the worker: its report comes without outcomes, so there is no gallery. */
  async #large(file: ReadableFile & { name: string }): Promise<Report> {
    const run = this.#services.storedRun()
    const opened = await run.open(file, file.name, null)
    const reference = await this.#reference(opened.judges)
    if (reference) await run.open(file, file.name, reference)
    return run.rescore(opened.spec.scoring, DEFAULT_RESAMPLES)
  }

  async #reference(judges: readonly JudgeFacts[]): Promise<Float32Array | null> {
    const features = judges.find((judge): judge is Extract<JudgeFacts, { kind: 'features' }> => judge.kind === 'features')
    return features ? this.#services.reference(features) : null
  }

  /** Merges shelved shards of one specification into one report, and shows it. Throws when they contradict each other. */
  async merge(shards: readonly Shelved[]): Promise<void> {
    const { record, notes } = mergeRecords(shards.map(({ name, report }) => ({ name, record: report.record })))
    const scored = await this.rescore(record)
    const report = { ...scored, notes: [...notes, ...scored.notes] }
    this.#shelf = [...this.#shelf.filter((entry) => !shards.includes(entry)), { name: `${shards.length} shards merged`, report }]
    this.#exhibit.show(report, { kind: 'imported', name: `${shards.length} merged files` }, (unitId) => this.#services.store.image(unitId))
  }

  async rescore(record: RunRecord): Promise<Report> {
    return this.#services.statistics.score(record, record.spec.scoring, await this.#reference(record.judges), DEFAULT_RESAMPLES)
  }

  shelve(name: string, report: Report): void {
    this.#shelf = [...this.#shelf.filter((other) => other.name !== name), { name, report }]
  }

  show(entry: Shelved): void {
    this.#exhibit.show(entry.report, { kind: 'imported', name: entry.name }, (unitId) => this.#services.store.image(unitId))
  }

  /** What differs between two reports, unit by unit. */
  compare(first: Report, second: Report): Comparison {
    return compareReports(first, second)
  }

  remove(entry: Shelved): void {
    this.#shelf = this.#shelf.filter((other) => other !== entry)
  }
}
