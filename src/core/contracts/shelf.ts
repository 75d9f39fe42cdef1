/** The shelf of runs: what is listed of each (an entry), and where entries and the files of their runs are kept. */
import * as v from 'valibot'
import { AXES } from './report'

const text = (most: number) => v.pipe(v.string(), v.maxLength(most))
const number = v.pipe(v.number(), v.finite())
const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** Longest name, note and tag, most tags of a run, and most runs of one shelf. */
export const SHELF_LIMITS = { name: 120, note: 4000, tag: 40, tags: 20, runs: 2000 } as const

export const SHELF_SCORES = [...AXES, 'SPQR', 'drift'] as const
export type ShelfScore = (typeof SHELF_SCORES)[number]

const ScoreSchema = v.nullable(v.strictObject({ value: number, low: number, high: number, n: count }))

/** What a person writes on a run. */
export const ShelfLabelSchema = v.strictObject({
  name: v.pipe(text(SHELF_LIMITS.name), v.nonEmpty()),
  note: text(SHELF_LIMITS.note),
  tags: v.pipe(v.array(v.pipe(text(SHELF_LIMITS.tag), v.nonEmpty())), v.maxLength(SHELF_LIMITS.tags)),
})
export type ShelfLabel = v.InferOutput<typeof ShelfLabelSchema>

export const ShelfEntrySchema = v.strictObject({
  schema: v.literal(1),
  /** Hash of what tells a run from every other. */
  key: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  ...ShelfLabelSchema.entries,
  /** How it came here. */
  kind: v.picklist(['run', 'import', 'link']),
  /** Hash of the specification: shards of one run share it. */
  run: v.pipe(v.string(), v.regex(/^[0-9a-f]{8,64}$/)),
  /** When the run was made, and when it was put here; ISO. */
  createdAt: text(40),
  addedAt: text(40),
  /** Null unless it was deleted and can still be brought back. */
  removedAt: v.nullable(text(40)),
  /** What it is, in plain names. */
  facts: v.strictObject({
    model: text(420),
    alignment: text(1000),
    fineTune: text(1000),
    sampler: v.picklist(['full', 'fast']),
    done: count,
    failed: count,
    planned: count,
  }),
  scores: v.strictObject({
    S: ScoreSchema,
    P: ScoreSchema,
    Q: ScoreSchema,
    R: ScoreSchema,
    SPQR: ScoreSchema,
    drift: ScoreSchema,
  }),
})
export type ShelfEntry = v.InferOutput<typeof ShelfEntrySchema>

/** An entry that is stored and cannot be read. */
export interface DamagedEntry {
  key: string
  /** Its name where that can still be read, else the first digits of its key. */
  name: string
  /** What is wrong, as the end of a sentence. */
  fault: string
}

export interface ShelfListing {
  entries: ShelfEntry[]
  damaged: DamagedEntry[]
  /** Keys of what is kept in this tab only, because the browser refused to store it. */
  unsaved: string[]
}

export interface ShelfStore {
  list(): Promise<ShelfListing>
  /** The exported Report of a run. @throws {SpqrError} RECORD_INVALID when it is gone or damaged */
  file(key: string): Promise<Blob>
  /** Stores an entry with its file, both or neither; keeps them in memory when the browser refuses. */
  put(entry: ShelfEntry, file: Blob): Promise<void>
  /** Writes an entry anew; its file stays. */
  change(entry: ShelfEntry): Promise<void>
  remove(key: string): Promise<void>
  /** Whether runs of the run store that finished before there was a shelf were brought here. */
  adopted(): Promise<boolean>
  setAdopted(): Promise<void>
}
