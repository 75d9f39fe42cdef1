/**
 * A source of model files: a listing, and any range of any file. Hub, plain web folder and local folder look alike from
 * here on. Nothing is stored and nothing is verified by a source; see ../modelStore.
 */
import type { SourceListing } from '../../../core/contracts'

export type Bytes = Uint8Array<ArrayBuffer>

export interface ModelSource {
  /** The address as asked for; `list` returns the pinned one. */
  readonly id: string
  /**
   * Every file of the model's folder, with what the owner says about use. Asked once, then remembered.
   * @throws SpqrError BAD_INPUT, SOURCE_FORBIDDEN, SOURCE_NOT_FOUND, DOWNLOAD_FAILED, ABORTED
   */
  list(signal?: AbortSignal): Promise<SourceListing>
  /** The bytes `[start, end)` of a file of the listing, in one piece: for headers and small files. */
  readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Bytes>
  /** The same bytes piece by piece, in order, as they arrive; `offset` is the piece's place in the file. */
  stream(
    path: string,
    start: number,
    end: number,
    onBytes: (bytes: Bytes, offset: number) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void>
  /** A file that is on this machine already and is read in place; null when it has to be fetched. */
  local(path: string): Blob | null
}
