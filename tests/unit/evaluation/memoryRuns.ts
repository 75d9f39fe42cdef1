import type { GeneratedImage, Outcome, RunRecord, RunStore, TrainingTrace } from '../../../src/core/contracts'
import { lastAttempts } from '../../../src/core/scoring'

/** The store's contract in memory, without a browser. */
export class MemoryStore implements RunStore {
  records = new Map<string, RunRecord>()
  images = new Map<string, GeneratedImage>()
  appends = 0

  open(record: Omit<RunRecord, 'outcomes'>): Promise<RunRecord> {
    const existing = this.records.get(record.id)
    if (!existing) this.records.set(record.id, structuredClone({ ...record, outcomes: [] }))
    return this.read(record.id) as Promise<RunRecord>
  }

  append(runId: string, outcomes: Outcome[], images: GeneratedImage[], timings: RunRecord['timings']): Promise<void> {
    this.appends += 1
    const record = this.records.get(runId)
    record?.outcomes.push(...structuredClone(outcomes))
    if (record) record.timings = { ...timings }
    for (const image of images) this.images.set(image.unitId, image)
    return Promise.resolve()
  }

  setTraining(runId: string, training: TrainingTrace): Promise<void> {
    const record = this.records.get(runId)
    if (record) record.training = training
    return Promise.resolve()
  }

  read(runId: string): Promise<RunRecord | null> {
    const record = this.records.get(runId)
    return Promise.resolve(record ? structuredClone({ ...record, outcomes: lastAttempts(record.outcomes) }) : null)
  }

  judgedElsewhere(record: Omit<RunRecord, 'outcomes'>, unitIds: readonly string[]): Promise<Outcome[]> {
    const others = [...this.records.values()].filter(({ id }) => id !== record.id).flatMap(({ outcomes }) => outcomes)
    const found = unitIds.flatMap(
      (id) => others.find(({ unitId, status }) => unitId === id && status === 'judged') ?? [],
    )
    return Promise.resolve(structuredClone(found))
  }

  image(unitId: string): Promise<GeneratedImage | null> {
    return Promise.resolve(this.images.get(unitId) ?? null)
  }
  list(): Promise<[]> {
    return Promise.resolve([])
  }
  remove(runId: string): Promise<void> {
    this.records.delete(runId)
    return Promise.resolve()
  }

  persistent(): boolean {
    return true
  }
}
