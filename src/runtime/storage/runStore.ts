/**
 * Where runs are kept: append-only batches of outcomes and the pictures as raw RGB, in a database of their own. When
 * storage is refused or loses a run that goes on, the store goes on in memory and `persistent()` says so. Whatever is
 * read is checked against its schema and its hash first; what does not check is left out, so that it is made again.
 */
import * as v from 'valibot'
import {
  type SpqrError,
  type GeneratedImage,
  type Outcome,
  type RunRecord,
  type RunStore,
  type RunSummary,
  type TrainingTrace,
} from '../../core/contracts'
import { digestHex } from '../events'
import { UnreadableRun, missingError, partlyDamagedError, refusedError, removedError } from './runErrors'
import {
  ImageSchema,
  batchEntries,
  batchKey,
  copyKey,
  headerEntries,
  headerKey,
  imageKey,
  isOf,
  readBatch,
  readHeader,
  recordOf,
  sharedBy,
  sumKey,
  type Entry,
  type Header,
  type Kept,
} from './runFormat'
import { FallbackKeyValue, indexedDbKeyValue, type BatchKeyValue } from './runStoreKeys'

export interface RunStoreOptions {
  /** Storage; null means there is none. Default: IndexedDB where it exists. */
  storage?: BatchKeyValue | null
  /** Called once when storage is refused, or loses a run that goes on, and memory takes over. */
  onMemory?(error: SpqrError): void
  /** Called once a run that was damaged where it is stored, with what becomes of it. */
  onDamage?(error: SpqrError): void
}

/** The run store of the page. Never throws for lack of space; RECORD_INVALID names a record that cannot be read. */
export function createRunStore(options: RunStoreOptions = {}): RunStore {
  const storage =
    options.storage === undefined ? (typeof indexedDB === 'undefined' ? null : indexedDbKeyValue()) : options.storage
  const keyValue = new FallbackKeyValue(storage, (cause) => options.onMemory?.(refusedError(cause)))
  return new KeyValueRunStore(keyValue, options)
}

class KeyValueRunStore implements RunStore {
  /** Writes to one run follow each other: a batch must not overtake the one before it. */
  private queue: Promise<unknown> = Promise.resolve()
  /** The run that was opened last: what storage loses of it while it goes on is not lost. */
  private live: Kept | null = null
  /** Runs that storage has lost. */
  private readonly held = new Set<string>()
  private readonly told = new Set<string>()

  constructor(
    private readonly keyValue: FallbackKeyValue,
    private readonly options: RunStoreOptions,
  ) {}

  open(record: Omit<RunRecord, 'outcomes'>): Promise<RunRecord> {
    return this.serial(async () => {
      const found = await this.load(record.id).catch((thrown: unknown) => {
        if (!(thrown instanceof UnreadableRun)) throw thrown
        // Whoever starts it wants it made: nothing of it is left to lose.
        this.options.onDamage?.(thrown)
        return null
      })
      this.live = found ?? { header: { record, batches: 0, done: 0, bytes: 0 }, batches: [] }
      if (!found) await this.write(record.id, await headerEntries(this.live.header))
      else if (found.damage.length > 0 || !found.sealed) this.live = await this.repaired(found)
      return recordOf(this.live)
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
      await this.write(runId, [
        ...images.map((image): Entry => [imageKey(image.unitId), image]),
        ...(await batchEntries(runId, header.batches, outcomes)),
        ...(await headerEntries(next)),
      ])
      this.keep(next, header.batches, outcomes)
    })
  }

  setTraining(runId: string, training: TrainingTrace): Promise<void> {
    return this.serial(async () => {
      const header = await this.header(runId)
      const next: Header = { ...header, record: { ...header.record, training } }
      await this.write(runId, await headerEntries(next))
      this.keep(next)
    })
  }

  read(runId: string): Promise<RunRecord | null> {
    return this.serial(async () => {
      const found = await this.load(runId)
      return found && recordOf(found)
    })
  }

  /** Newest runs first, until every unit is found. A damaged run gives what checks. */
  judgedElsewhere(record: Omit<RunRecord, 'outcomes'>, unitIds: readonly string[]): Promise<Outcome[]> {
    return this.serial(async () => {
      const wanted = new Set(unitIds)
      const found: Outcome[] = []
      for (const { id } of await this.list()) {
        if (wanted.size === 0) break
        const header = id === record.id ? null : await this.storedHeader(id).catch(() => null)
        if (!header || sharedBy(header.header.record) !== sharedBy(record)) continue
        const other = await this.load(id).catch(() => null)
        const sameSteps = header.header.record.environment.threads === record.environment.threads
        for (const outcome of other ? recordOf(other).outcomes : []) {
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
    return (await digestHex(checked.output.rgb)) === checked.output.sha256 ? checked.output : null
  }

  /** Newest first. A damaged record is listed too, with what of it can be read, so that it can be removed. */
  async list(): Promise<RunSummary[]> {
    const ids = (await this.keyValue.keys())
      .filter((key) => key.startsWith(headerKey('')))
      .map((key) => key.slice(headerKey('').length))
    const runs = await Promise.all(
      ids.map(async (id): Promise<RunSummary> => {
        const found = await this.storedHeader(id).catch(() => null)
        if (!found) return { id, createdAt: '', done: 0, planned: 0, bytes: 0 }
        const { record, done, again = 0, bytes } = found.header
        return { id, createdAt: record.createdAt, done: done - again, planned: record.planned, bytes }
      }),
    )
    return runs.sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }

  /** Removes a run, damaged or not, with the pictures that no other run shows. */
  remove(runId: string): Promise<void> {
    return this.serial(async () => {
      const keys = await this.keyValue.keys()
      const mine = (key: string) => isOf(runId, key)
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
      if (this.live?.header.record.id === runId) this.live = null
      this.held.delete(runId)
    })
  }

  persistent(): boolean {
    return this.keyValue.persistent && this.held.size === 0
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work)
    // The next call must run even when this one fails; the caller has the failure.
    this.queue = result.catch(() => undefined)
    return result
  }

  private async write(runId: string, entries: Entry[]): Promise<void> {
    if (this.held.has(runId)) this.keyValue.hold(entries)
    else await this.keyValue.setMany(entries)
  }

  /** Remembers what was written, if it is of the run that goes on. */
  private keep(header: Header, index?: number, outcomes: Outcome[] = []): void {
    if (this.live?.header.record.id !== header.record.id) return
    this.live.header = header
    if (index === undefined) return
    while (this.live.batches.length < index) this.live.batches.push(null)
    this.live.batches[index] = outcomes
  }

  private async storedHeader(runId: string): Promise<Awaited<ReturnType<typeof readHeader>> | null> {
    const [stored, copy] = await this.keyValue.getMany([headerKey(runId), copyKey(runId)])
    return stored === undefined ? null : readHeader(runId, stored, copy)
  }

  /** The header to go on from: the stored one, or for the run that goes on what should be stored. */
  private async header(runId: string): Promise<Header> {
    const live = this.live?.header.record.id === runId ? this.live : null
    const stored = await this.storedHeader(runId).catch((thrown: unknown) => {
      if (!live) throw thrown
      return null
    })
    if (stored && stored.header.batches >= (live?.header.batches ?? 0)) return stored.header
    if (live) {
      await this.hold(live)
      return live.header
    }
    throw missingError(runId)
  }

  /** Goes on with a run in memory whose stored copy is gone: somebody wanted it gone, so it is not stored anew. */
  private async hold(live: Kept): Promise<void> {
    const { id } = live.header.record
    const batches = live.batches.map((outcomes, i) => batchEntries(id, i, outcomes ?? []))
    this.keyValue.hold([...(await headerEntries(live.header)), ...(await Promise.all(batches)).flat()])
    this.held.add(id)
    this.options.onMemory?.(removedError())
  }

  /** What is stored of a run and checks; batches that do not are null. @throws SpqrError RECORD_INVALID */
  private async load(runId: string): Promise<(Kept & { damage: string[]; sealed: boolean }) | null> {
    const live = this.live?.header.record.id === runId ? this.live : null
    const stored = await this.storedHeader(runId)
    if (!stored) return live && { ...live, damage: [], sealed: true }
    const { header, sealed } = stored
    const indices = Array.from({ length: header.batches }, (_, i) => i)
    const batches = await this.keyValue.getMany(indices.map((i) => batchKey(runId, i)))
    const sums = await this.keyValue.getMany(indices.map((i) => sumKey(runId, i)))
    const damage = stored.damage === null ? [] : [stored.damage]
    const kept: Kept = { header, batches: [] }
    for (const i of indices) {
      const read = await readBatch(runId, i, batches[i], sums[i])
      const known = read.outcomes ?? live?.batches[i] ?? null
      if (!known && read.damage !== null) damage.push(read.damage)
      kept.batches.push(known)
    }
    const count = kept.batches.reduce((total, outcomes) => total + (outcomes?.length ?? 0), 0)
    if (damage.length === 0 && count !== header.done)
      damage.push(`it holds ${count} outcomes and should hold ${header.done}`)
    if (damage.length > 0) this.tell(header, damage, header.done - count)
    return { ...kept, damage, sealed }
  }

  private tell({ record: { id } }: Header, damage: readonly string[], lost: number): void {
    if (this.told.has(id)) return
    this.told.add(id)
    this.options.onDamage?.(partlyDamagedError(id, damage, lost))
  }

  /** Writes a run anew, without what was lost of it, and with the hashes that an older version did not write. */
  private async repaired({ header, batches }: Kept): Promise<Kept> {
    const outcomes = batches.map((batch) => batch ?? [])
    const all = outcomes.flat()
    const next: Header = {
      ...header,
      done: all.length,
      again: all.length - new Set(all.map(({ unitId }) => unitId)).size,
    }
    const { id } = header.record
    const written = await Promise.all(outcomes.map((batch, i) => batchEntries(id, i, batch)))
    await this.write(id, [...written.flat(), ...(await headerEntries(next))])
    return { header: next, batches: outcomes }
  }
}
