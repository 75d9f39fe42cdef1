/**
 * The index of stored models in IndexedDB: which pieces of which file are here, with the hash of each, and which files
 * belong to which model. A piece enters the index after its bytes were flushed, so a crash costs at most one piece.
 */
import * as v from 'valibot'
import { version } from '../../../../package.json'
import type { SourceFile, SourceListing } from '../../../core/contracts'
import { sha256Hex } from '../../../core/hash'
import type { KeyValue } from '../cache'

const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{40,64}$/))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))

const FileEntrySchema = v.strictObject({
  path: v.string(),
  bytes: count,
  pieceBytes: v.pipe(count, v.minValue(1)),
  /** SHA-256 of each piece; null while it has not been loaded. */
  pieces: v.array(v.nullable(hex)),
  /** As the source told it, or as found once the file was whole. */
  sha256: v.nullable(hex),
  gitSha1: v.nullable(hex),
  /** True once the hash of the whole file was right. */
  verified: v.boolean(),
})
export type FileEntry = v.InferOutput<typeof FileEntrySchema>

const ModelEntrySchema = v.strictObject({
  id: v.string(),
  licence: v.strictObject({ id: v.nullable(v.string()), nonCommercial: v.boolean(), gated: v.boolean() }),
  added: v.string(),
  files: v.array(v.strictObject({ path: v.string(), key: v.string() })),
})
export type ModelEntry = v.InferOutput<typeof ModelEntrySchema>

const FILE = 'file:'
/** Under which version of the page a file was last read whole; beside the entry, which older versions read strictly. */
const CHECKED = 'checked:'
const MODEL = 'model:'

/** Equal content has one name, so that models share files; where no hash is told, the pinned address names it. */
export function fileKey(listingId: string, file: SourceFile): string {
  return file.sha256 ?? file.gitSha1 ?? `x${sha256Hex(`${listingId}\n${file.path}\n${file.bytes}`)}`
}

export const pieceLength = ({ bytes, pieceBytes }: FileEntry, i: number): number =>
  Math.min(pieceBytes, bytes - i * pieceBytes)

export function storedBytes(entry: FileEntry): number {
  return entry.pieces.reduce((sum, piece, i) => sum + (piece === null ? 0 : pieceLength(entry, i)), 0)
}

export class ModelIndex {
  constructor(
    private readonly store: KeyValue,
    readonly pieceBytes: number,
  ) {}

  /** The entry of a stored file; null when there is none, or it cannot be read. */
  async stored(key: string): Promise<FileEntry | null> {
    const found = v.safeParse(FileEntrySchema, await this.store.get(FILE + key))
    if (!found.success) return null
    const { bytes, pieceBytes, pieces } = found.output
    return pieces.length === Math.ceil(bytes / pieceBytes) ? found.output : null
  }

  /** The entry of a file that is to be loaded: the stored one if it fits, else a fresh one. */
  async entry(key: string, { path, bytes, sha256: told, gitSha1 }: SourceFile): Promise<FileEntry> {
    const stored = await this.stored(key)
    if (stored?.bytes === bytes) return stored
    const { pieceBytes } = this
    return {
      path,
      bytes,
      pieceBytes,
      pieces: Array.from({ length: Math.ceil(bytes / pieceBytes) }, () => null),
      sha256: told,
      gitSha1,
      verified: false,
    }
  }

  write(key: string, entry: FileEntry): Promise<void> {
    return this.store.set(FILE + key, entry)
  }

  async removeFile(key: string): Promise<void> {
    await this.store.delete(CHECKED + key)
    await this.store.delete(FILE + key)
  }

  /** Whether this version of the page has read the stored file whole and found its hash right. */
  async isChecked(key: string): Promise<boolean> {
    return (await this.store.get(CHECKED + key)) === version
  }

  markChecked(key: string): Promise<void> {
    return this.store.set(CHECKED + key, version)
  }

  /** Adds files to a model's entry, which is made when it is new. */
  async addToModel(
    { id, licence }: SourceListing,
    files: readonly { path: string; key: string }[],
    now: Date,
  ): Promise<void> {
    const known = v.safeParse(ModelEntrySchema, await this.store.get(MODEL + id))
    const entry = known.success ? known.output : { id, licence, added: now.toISOString(), files: [] }
    const added = files.filter(({ path }) => !entry.files.some((file) => file.path === path))
    if (!known.success || added.length > 0)
      await this.store.set(MODEL + id, { ...entry, files: [...entry.files, ...added] })
  }

  async models(): Promise<ModelEntry[]> {
    const entries: ModelEntry[] = []
    for (const key of await this.store.keys()) {
      if (!key.startsWith(MODEL)) continue
      const entry = v.safeParse(ModelEntrySchema, await this.store.get(key))
      if (entry.success) entries.push(entry.output)
    }
    return entries.sort((a, b) => a.added.localeCompare(b.added) || a.id.localeCompare(b.id))
  }

  removeModel(id: string): Promise<void> {
    return this.store.delete(MODEL + id)
  }
}
