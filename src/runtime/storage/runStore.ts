/**
 * Where runs are kept: append-only batches of outcomes and the pictures as raw RGB, in a database of their own. When
 * storage is refused the store goes on in memory and `persistent()` says so. Whatever is read is validated first.
 */
import * as v from 'valibot'
import {
  OutcomeSchema,
  RunRecordSchema,
  SpqrError,
  checkShape,
  type GeneratedImage,
  type Outcome,
  type RunRecord,
  type RunStore,
  type TrainingTrace,
} from '../../core/contracts'
import { conditionsOf, lastAttempts } from '../../core/scoring'
import { FallbackKeyValue, indexedDbKeyValue, type KeyValue } from './runStoreKeys'

export { indexedDbKeyValue, type KeyValue } from './runStoreKeys'

const HeaderSchema = v.strictObject({
  record: v.omit(RunRecordSchema, ['outcomes']),
  /** Outcome batches stored under `outcomes:<run>:<index>`. */
  batches: v.pipe(v.number(), v.integer(), v.minValue(0)),
  done: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Of `done`, second attempts of a unit; absent in stores of older versions: none. */
  again: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Of outcomes (as JSON) and pictures. */
  bytes: v.pipe(v.number(), v.minValue(0)),
})
type Header = v.InferOutput<typeof HeaderSchema>

const ImageSchema = v.strictObject({
  unitId: v.string(),
  width: v.pipe(v.number(), v.integer(), v.minValue(1)),
  height: v.pipe(v.number(), v.integer(), v.minValue(1)),
  rgb: v.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
  sha256: v.string(),
})

const headerKey = (run: string) => `run:${run}`
const batchKey = (run: string, index: number) => `outcomes:${run}:${String(index).padStart(7, '0')}`
const imageKey = (unit: string) => `image:${unit}`

export interface StoredRun {
  id: string
  createdAt: string
  done: number
  planned: number
  bytes: number
}

export interface RunStoreOptions {
  /** Storage; null means there is none. Default: IndexedDB where it exists. */
  storage?: KeyValue | null
  /** Called once when storage is refused and memory takes over. */
  onMemory?(error: SpqrError): void
}

/** The run store of the page. Never throws for lack of space; RECORD_INVALID names what a damaged record has wrong. */
export function createRunStore(options: RunStoreOptions = {}): RunStore {
  const storage =
    options.storage === undefined ? (typeof indexedDB === 'undefined' ? null : indexedDbKeyValue()) : options.storage
  const keyValue = new FallbackKeyValue(storage, (cause) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    options.onMemory?.(
      new SpqrError(
        'STORAGE_FULL',
        `The browser keeps no more data (${reason}); results stay in memory until this tab closes.`,
        'Free space or remove old runs, and export this report before you close the tab.',
      ),
    )
  })
  return new KeyValueRunStore(keyValue)
}

class KeyValueRunStore implements RunStore {
  /** Writes to one run follow each other: a batch must not overtake the one before it. */
  private queue: Promise<unknown> = Promise.resolve()

  constructor(private readonly keyValue: FallbackKeyValue) {}

  open(record: Omit<RunRecord, 'outcomes'>): Promise<RunRecord> {
    return this.serial(async () => {
      const existing = await this.readRecord(record.id)
      if (existing) return existing
      const header: Header = { record, batches: 0, done: 0, bytes: 0 }
      await this.keyValue.setMany([[headerKey(record.id), header]])
      return { ...record, outcomes: [] }
    })
  }

  append(
    runId: string,
    outcomes: Outcome[],
    images: GeneratedImage[],
    timings: RunRecord['timings'],
    again = 0,
  ): Promise<void> {
    return this.serial(async () => {
      const header = await this.header(runId)
      const bytes = JSON.stringify(outcomes).length + images.reduce((total, { rgb }) => total + rgb.byteLength, 0)
      const next: Header = {
        record: { ...header.record, timings },
        batches: header.batches + 1,
        done: header.done + outcomes.length,
        again: (header.again ?? 0) + again,
        bytes: header.bytes + bytes,
      }
      // One transaction: a batch is there with its pictures and its timings, or not at all.
      await this.keyValue.setMany([
        ...images.map((image): [string, unknown] => [imageKey(image.unitId), image]),
        [batchKey(runId, header.batches), outcomes],
        [headerKey(runId), next],
      ])
    })
  }

  setTraining(runId: string, training: TrainingTrace): Promise<void> {
    return this.serial(async () => {
      const header = await this.header(runId)
      const next: Header = { ...header, record: { ...header.record, training } }
      await this.keyValue.setMany([[headerKey(runId), next]])
    })
  }

  read(runId: string): Promise<RunRecord | null> {
    return this.serial(() => this.readRecord(runId))
  }

  /** Newest runs first, until every unit is found. A damaged run gives nothing; it is reported where it is opened. */
  judgedElsewhere(record: Omit<RunRecord, 'outcomes'>, unitIds: readonly string[]): Promise<Outcome[]> {
    return this.serial(async () => {
      const wanted = new Set(unitIds)
      const found: Outcome[] = []
      for (const { id } of await this.list()) {
        if (wanted.size === 0) break
        const [header] = id === record.id ? [] : await this.keyValue.getMany([headerKey(id)])
        const checked = v.safeParse(HeaderSchema, header)
        if (!checked.success || sharedBy(checked.output.record) !== sharedBy(record)) continue
        const other = await this.readRecord(id).catch(() => null)
        const sameSteps = other?.environment.threads === record.environment.threads
        for (const outcome of other?.outcomes ?? []) {
          // With other threads the steps of a training are others; pictures are not.
          const same = sameSteps || !outcome.step
          if (same && outcome.status === 'judged' && wanted.delete(outcome.unitId)) found.push(outcome)
        }
      }
      return found
    })
  }

  async image(unitId: string): Promise<GeneratedImage | null> {
    const [stored] = await this.keyValue.getMany([imageKey(unitId)])
    const checked = v.safeParse(ImageSchema, stored)
    // A picture that is gone or damaged is not shown; the scores do not depend on it.
    if (!checked.success || checked.output.rgb.length !== 3 * checked.output.width * checked.output.height) return null
    return checked.output
  }

  /** Newest first. A damaged record is listed too, with what of it can be read, so that it can be removed. */
  async list(): Promise<StoredRun[]> {
    const keys = (await this.keyValue.keys()).filter((key) => key.startsWith('run:'))
    const headers = await this.keyValue.getMany(keys)
    return keys
      .map((key, i): StoredRun => {
        const id = key.slice('run:'.length)
        const checked = v.safeParse(HeaderSchema, headers[i])
        if (!checked.success) return { id, createdAt: '', done: 0, planned: 0, bytes: 0 }
        const {
          record: { createdAt, planned },
          done,
          again = 0,
          bytes,
        } = checked.output
        return { id, createdAt, done: done - again, planned, bytes }
      })
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }

  /** Removes a run, damaged or not, with the pictures that no other run shows. */
  remove(runId: string): Promise<void> {
    return this.serial(async () => {
      const keys = await this.keyValue.keys()
      const mine = (key: string) => key === headerKey(runId) || key.startsWith(`outcomes:${runId}:`)
      const unitIds = async (wanted: string[]) =>
        (await this.keyValue.getMany(wanted)).flatMap((batch) =>
          (Array.isArray(batch) ? (batch as unknown[]) : []).flatMap((outcome) =>
            v.is(v.object({ unitId: v.string() }), outcome) ? outcome.unitId : [],
          ),
        )
      const batches = keys.filter((key) => key.startsWith('outcomes:'))
      const shared = new Set(await unitIds(batches.filter((key) => !mine(key))))
      const doomed = (await unitIds(batches.filter(mine))).filter((unit) => !shared.has(unit)).map(imageKey)
      await this.keyValue.delMany([...keys.filter(mine), ...doomed])
    })
  }

  persistent(): boolean {
    return this.keyValue.persistent
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work)
    // The next call must run even when this one fails; the caller has the failure.
    this.queue = result.catch(() => undefined)
    return result
  }

  private async header(runId: string): Promise<Header> {
    const [stored] = await this.keyValue.getMany([headerKey(runId)])
    if (stored === undefined)
      throw new SpqrError(
        'RECORD_INVALID',
        `Run ${runId.slice(0, 8)} is not in the store any more.`,
        'Start the run again.',
      )
    checkVersion(stored, runId)
    return valid(HeaderSchema, stored, runId, 'header')
  }

  private async readRecord(runId: string): Promise<RunRecord | null> {
    const [stored] = await this.keyValue.getMany([headerKey(runId)])
    if (stored === undefined) return null
    checkVersion(stored, runId)
    const { record, batches, done } = valid(HeaderSchema, stored, runId, 'header')
    if (record.id !== runId) throw damaged(runId, 'header: id differs from its key')
    const keys = Array.from({ length: batches }, (_, i) => batchKey(runId, i))
    const outcomes = (await this.keyValue.getMany(keys)).flatMap((batch, i) =>
      valid(v.array(OutcomeSchema), batch, runId, `batch ${i}`),
    )
    if (outcomes.length !== done) throw damaged(runId, `it holds ${outcomes.length} outcomes and should hold ${done}`)
    return { ...record, outcomes: lastAttempts(outcomes) }
  }
}

/** What must be equal for a unit of one run to have the picture and scores of the same unit in another. */
function sharedBy({ environment, judges }: Omit<RunRecord, 'outcomes'>): string {
  return JSON.stringify([conditionsOf(environment), ...judges.map(({ id, sha256 }) => [id, sha256]).sort()])
}

function damaged(runId: string, what: string): SpqrError {
  return new SpqrError(
    'RECORD_INVALID',
    `The stored run ${runId.slice(0, 8)} is damaged: ${what}.`,
    'Remove this run and start it again; other runs are not affected.',
  )
}

/** A run of another version of this page is no damaged one: it says so, and what to do. */
function checkVersion(stored: unknown, runId: string): void {
  const found = v.safeParse(v.object({ record: v.object({ schema: v.number() }) }), stored)
  if (!found.success || found.output.record.schema === 1) return
  throw new SpqrError(
    'RECORD_INVALID',
    `The stored run ${runId.slice(0, 8)} was written in version ${found.output.record.schema} of the record format; this page reads version 1.`,
    'Open it with the version of the page that made it and export it, or remove it and start the run again.',
  )
}

function valid<T>(schema: v.GenericSchema<unknown, T>, value: unknown, runId: string, where: string): T {
  const checked = checkShape(schema, value)
  if (checked.fault === null) return checked.value
  throw damaged(runId, `${where}: ${checked.fault}`)
}
