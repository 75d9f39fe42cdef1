/**
 * The shelf in IndexedDB: small entries that are listed together, and beside each the gzipped file of its run. What the
 * browser refuses to store (quota, private window) is kept in memory, and stored once there is room again.
 */
import * as v from 'valibot'
import {
  ShelfEntrySchema,
  SpqrError,
  checkShape,
  type DamagedEntry,
  type ShelfEntry,
  type ShelfListing,
  type ShelfStore,
} from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { MAX_FILE_BYTES } from '../../core/scoring'
import { gunzipped, gzipped } from './gzip'
import { indexedDbKeyValue, type BatchKeyValue } from './runStoreKeys'

const ENTRY = 'entry:'
const entryKey = (key: string) => ENTRY + key
const fileKey = (key: string) => `file:${key}`
const ADOPTED = 'adopted'

/** An entry as it is stored: with the hash of everything else. */
const StoredSchema = v.strictObject({ ...ShelfEntrySchema.entries, sha256: v.string() })
const FileSchema = v.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array)

export function createShelfStore(
  store: BatchKeyValue | null = typeof indexedDB === 'undefined' ? null : indexedDbKeyValue('spqr-shelf'),
  onMemory: (error: SpqrError) => void = () => undefined,
): ShelfStore {
  return new KeptShelf(store, onMemory)
}

function refusedError(name: string, cause: unknown): SpqrError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SpqrError(
    'STORAGE_FULL',
    `The browser refused to store "${name}" (${reason}), so it is kept only until this tab closes.`,
    'Save the shelf as a file in Compare, or delete runs there to make room.',
  )
}

class KeptShelf implements ShelfStore {
  /** What the browser refused; a file that is null is stored already. */
  private readonly memory = new Map<string, { entry: ShelfEntry; file: Uint8Array<ArrayBuffer> | null }>()

  constructor(
    private readonly store: BatchKeyValue | null,
    private readonly onMemory: (error: SpqrError) => void,
  ) {}

  async list(): Promise<ShelfListing> {
    const damaged: DamagedEntry[] = []
    const entries: ShelfEntry[] = []
    for (const [key, stored] of await this.stored()) {
      if (this.memory.has(key)) continue
      const read = await readEntry(key, stored)
      if (read.entry) entries.push(read.entry)
      else damaged.push({ key, name: nameOf(stored) ?? key.slice(0, 8), fault: read.fault })
    }
    const held = [...this.memory.values()].map(({ entry }) => entry)
    return { entries: [...entries, ...held], damaged, unsaved: [...this.memory.keys()] }
  }

  async file(key: string): Promise<Blob> {
    const held = this.memory.get(key)?.file ?? (await this.store?.getMany([fileKey(key)]))?.[0]
    const bytes = v.safeParse(FileSchema, held)
    const whole = bytes.success ? await gunzipped(bytes.output, MAX_FILE_BYTES).catch(() => null) : null
    if (whole) return whole
    throw new SpqrError(
      'RECORD_INVALID',
      `The file of the run ${key.slice(0, 8)} is ${held === undefined ? 'gone' : 'damaged'}; other runs are not affected.`,
      'Delete the run, and import it again if you have its file or link.',
    )
  }

  async put(entry: ShelfEntry, file: Blob): Promise<void> {
    await this.keep(entry, await gzipped(file))
  }

  async change(entry: ShelfEntry): Promise<void> {
    await this.keep(entry, this.memory.get(entry.key)?.file ?? null)
  }

  async remove(key: string): Promise<void> {
    this.memory.delete(key)
    await this.store?.delMany([entryKey(key), fileKey(key)])
    // There may be room now for what was refused.
    for (const { entry, file } of [...this.memory.values()]) await this.keep(entry, file, false)
  }

  async adopted(): Promise<boolean> {
    if (!this.store) return true
    return (await this.store.getMany([ADOPTED]))[0] === true
  }

  async setAdopted(): Promise<void> {
    // Without it they are looked through again next time, which does no harm.
    await this.store?.setMany([[ADOPTED, true]]).catch(() => undefined)
  }

  private async keep(entry: ShelfEntry, file: Uint8Array<ArrayBuffer> | null, tell = true): Promise<void> {
    try {
      if (!this.store) throw new Error('it offers no storage here')
      const stored = { ...entry, sha256: hashOf(entry) }
      await this.store.setMany([
        [entryKey(entry.key), stored],
        ...(file ? [[fileKey(entry.key), file] as [string, unknown]] : []),
      ])
      this.memory.delete(entry.key)
    } catch (cause) {
      this.memory.set(entry.key, { entry, file })
      if (tell) this.onMemory(refusedError(entry.name, cause))
    }
  }

  private async stored(): Promise<[string, unknown][]> {
    if (!this.store) return []
    const keys = (await this.store.keys()).filter((key) => key.startsWith(ENTRY))
    const values = await this.store.getMany(keys)
    return keys.map((key, i) => [key.slice(ENTRY.length), values[i]])
  }
}

async function readEntry(
  key: string,
  stored: unknown,
): Promise<{ entry: ShelfEntry; fault: null } | { entry: null; fault: string }> {
  const version = v.safeParse(v.object({ schema: v.number() }), stored)
  if (version.success && version.output.schema > 1)
    return { entry: null, fault: `it was stored by a newer version of this page (format ${version.output.schema})` }
  const checked = checkShape(StoredSchema, stored)
  if (checked.fault !== null) return { entry: null, fault: `it is wrong at ${checked.fault}` }
  const { sha256, ...entry } = checked.value
  if (entry.key !== key || sha256 !== hashOf(entry)) return { entry: null, fault: 'it is not as it was written' }
  return { entry, fault: null }
}

function nameOf(stored: unknown): string | null {
  const found = v.safeParse(v.object({ name: v.string() }), stored)
  return found.success ? found.output.name.slice(0, 60) : null
}
