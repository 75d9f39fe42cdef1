/** Where the bytes of big files are stored: OPFS where a worker may write it in place, else IndexedDB. */
import type { Bytes } from '../../published/sources'

/** An open file, read and written in pieces of `pieceBytes` (the last one shorter). */
export interface OpenFile {
  /** Throws QuotaExceededError when the disk is full. */
  put(i: number, piece: Bytes): Promise<void>
  /** Null when the piece is missing or shorter than asked for. */
  get(i: number, length: number): Promise<Bytes | null>
  close(): Promise<void>
}

export interface ByteStore {
  readonly kind: 'opfs' | 'indexeddb'
  open(key: string, pieceBytes: number): Promise<OpenFile>
  /** The file in place, without reading it; null when it is missing or has another length. */
  blob(key: string, bytes: number, pieceBytes: number): Promise<Blob | null>
  remove(key: string): Promise<void>
}
