/** Bytes in IndexedDB, a Blob per piece: the browser keeps them on disk, and a file is a Blob of Blobs. */
import type { KeyValue } from '../cache'
import type { Bytes } from '../../published/sources'
import type { ByteStore, OpenFile } from './bytes'

export class IndexedDbStore implements ByteStore {
  readonly kind = 'indexeddb'
  constructor(private readonly store: KeyValue) {}

  open(key: string): Promise<OpenFile> {
    const { store } = this
    return Promise.resolve({
      put: (i: number, piece: Bytes) => store.set(`${key}/${i}`, new Blob([piece])),
      get: async (i: number, length: number) => {
        const piece = await store.get(`${key}/${i}`)
        return piece instanceof Blob && piece.size === length ? new Uint8Array(await piece.arrayBuffer()) : null
      },
      close: () => Promise.resolve(),
    })
  }

  async blob(key: string, bytes: number, pieceBytes: number): Promise<Blob | null> {
    const pieces: Blob[] = []
    for (let i = 0; i * pieceBytes < bytes; i++) {
      const piece = await this.store.get(`${key}/${i}`)
      if (!(piece instanceof Blob)) return null
      pieces.push(piece)
    }
    const whole = new Blob(pieces)
    return whole.size === bytes ? whole : null
  }

  async remove(key: string): Promise<void> {
    for (const own of await this.store.keys()) {
      if (own.startsWith(`${key}/`)) await this.store.delete(own)
    }
  }
}
