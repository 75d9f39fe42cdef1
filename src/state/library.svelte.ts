/** Reports side by side: the one shown, and those brought in from files. Their figures are computed again, never taken on trust. */
import * as v from 'valibot'
import { RunRecordSchema, SpqrError, type JudgeFacts, type Report, type RunRecord } from '../core/contracts'
import type { Exhibit } from './exhibit.svelte'
import type { Services } from './services'

/** Larger files are refused before they are read, so that the tab does not run out of memory. */
export const MAX_IMPORT_BYTES = 200_000_000
const RESAMPLES = 2000

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
    if (file.size > MAX_IMPORT_BYTES) {
      throw new SpqrError('RECORD_INVALID', `The file "${file.name}" is ${Math.round(file.size / 1e6)} MB; at most ${MAX_IMPORT_BYTES / 1e6} MB are read.`, 'Merge or score it on the command line instead.')
    }
    this.#busy = true
    try {
      const report = await this.rescore(readRecord(await file.text(), file.name))
      this.shelve(file.name, report)
      this.#exhibit.show(report, { kind: 'imported', name: file.name }, (unitId) => this.#services.store.image(unitId))
    } finally {
      this.#busy = false
    }
  }

  async rescore(record: RunRecord): Promise<Report> {
    const features = record.judges.find((judge): judge is Extract<JudgeFacts, { kind: 'features' }> => judge.kind === 'features')
    const reference = features ? await this.#services.reference(features) : null
    return this.#services.statistics.score(record, record.spec.scoring, reference, RESAMPLES)
  }

  shelve(name: string, report: Report): void {
    this.#shelf = [...this.#shelf.filter(({ report: other }) => other.id !== report.id || other.createdAt !== report.createdAt), { name, report }]
  }

  show(entry: Shelved): void {
    this.#exhibit.show(entry.report, { kind: 'imported', name: entry.name }, (unitId) => this.#services.store.image(unitId))
  }

  remove(entry: Shelved): void {
    this.#shelf = this.#shelf.filter((other) => other !== entry)
  }
}

/** The record inside an exported Report, or a bare record. */
export function readRecord(text: string, name: string): RunRecord {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new SpqrError('RECORD_INVALID', `The file "${name}" is no JSON.`, 'Choose a report that this page exported.')
  }
  const inner = typeof json === 'object' && json !== null && 'record' in json ? json.record : json
  const parsed = v.safeParse(RunRecordSchema, inner)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw new SpqrError('RECORD_INVALID', `The file "${name}" is no report of this page: ${v.getDotPath(issue) ?? 'its top level'}: ${issue.message}.`, 'Choose a report that this page exported, or one of a matching version.')
}
