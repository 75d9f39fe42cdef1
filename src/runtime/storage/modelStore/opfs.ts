/** Bytes in the origin's private file system, written in place by a worker: no second copy anywhere. */
import type { Bytes } from '../../published/sources'
import type { ByteStore, OpenFile } from './bytes'

const FOLDER = 'models'

/** The parts of the worker-only handle that are used; the page's type library does not know it. */
interface SyncHandle {
  write(bytes: Bytes, options: { at: number }): number
  read(bytes: Bytes, options: { at: number }): number
  flush(): void
  close(): void
}
type InPlaceFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> }

class OpfsFile implements OpenFile {
  constructor(
    private readonly handle: SyncHandle,
    private readonly pieceBytes: number,
  ) {}

  put(i: number, piece: Bytes): Promise<void> {
    const written = this.handle.write(piece, { at: i * this.pieceBytes })
    this.handle.flush()
    if (written === piece.length) return Promise.resolve()
    return Promise.reject(new DOMException(`${written} of ${piece.length} bytes were written.`, 'QuotaExceededError'))
  }

  get(i: number, length: number): Promise<Bytes | null> {
    const piece = new Uint8Array(length)
    return Promise.resolve(this.handle.read(piece, { at: i * this.pieceBytes }) === length ? piece : null)
  }

  close(): Promise<void> {
    this.handle.close()
    return Promise.resolve()
  }
}

class OpfsStore implements ByteStore {
  readonly kind = 'opfs'
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async open(key: string, pieceBytes: number): Promise<OpenFile> {
    const file = (await this.folder.getFileHandle(key, { create: true })) as InPlaceFile
    return new OpfsFile(await file.createSyncAccessHandle(), pieceBytes)
  }

  async blob(key: string, bytes: number): Promise<Blob | null> {
    try {
      const file = await (await this.folder.getFileHandle(key)).getFile()
      return file.size === bytes ? file : null
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'NotFoundError') return null
      throw thrown
    }
  }

  async remove(key: string): Promise<void> {
    await this.folder.removeEntry(key).catch((thrown: unknown) => {
      if (!(thrown instanceof DOMException && thrown.name === 'NotFoundError')) throw thrown
    })
  }
}

/** Null outside workers, in browsers without OPFS, and where it is refused (private windows). */
export async function opfsStore(folder = FOLDER): Promise<ByteStore | null> {
  if (typeof FileSystemFileHandle === 'undefined' || !('createSyncAccessHandle' in FileSystemFileHandle.prototype))
    return null
  try {
    const root = await navigator.storage.getDirectory()
    return new OpfsStore(await root.getDirectoryHandle(folder, { create: true }))
  } catch {
    // Refused: IndexedDB does the same more slowly.
    return null
  }
}
