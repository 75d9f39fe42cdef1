/** Reports side by side: the one shown, and those brought in from files. Their figures are computed again, never taken on trust. */
import type { JudgeFacts, Report, RunRecord } from '../core/contracts'
import { DEFAULT_RESAMPLES, checkFileSize, compareReports, type Comparison } from '../core/scoring'
import type { Exhibit } from './exhibit.svelte'
import type { Services } from './services'

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
  async importFile(file: { name: string; size: number; text(): Promise<string> }): Promise<void> {
    checkFileSize(file.size, file.name)
    this.#busy = true
    try {
      const report = await this.rescore(await this.#services.statistics.readRecord(await file.text(), file.name))
      this.shelve(file.name, report)
      this.#exhibit.show(report, { kind: 'imported', name: file.name }, (unitId) => this.#services.store.image(unitId))
    } finally {
      this.#busy = false
    }
  }

  async rescore(record: RunRecord): Promise<Report> {
    const features = record.judges.find((judge): judge is Extract<JudgeFacts, { kind: 'features' }> => judge.kind === 'features')
    const reference = features ? await this.#services.reference(features) : null
    return this.#services.statistics.score(record, record.spec.scoring, reference, DEFAULT_RESAMPLES)
  }

  shelve(name: string, report: Report): void {
    this.#shelf = [...this.#shelf.filter(({ report: other }) => other.id !== report.id || other.createdAt !== report.createdAt), { name, report }]
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
