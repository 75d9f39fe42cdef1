/** Where the files of a model come from, as data that crosses into workers. The sources themselves: src/runtime/published/sources. */

/** What a person typed or chose. `subfolder` has no slash at either end and is empty for the root. */
export type ModelAddress =
  /** `hf:owner/name@revision/subfolder`; the endpoint is a setting, so that mirrors share the address. */
  | { kind: 'hub'; owner: string; name: string; revision: string; subfolder: string }
  /** A folder on any web server that holds a manifest.json; ends in `/`. */
  | { kind: 'url'; baseUrl: string }

/** One file of a source; paths are relative to the model's folder, with `/` between parts. */
export interface SourceFile {
  path: string
  bytes: number
  /** SHA-256 in hexadecimal; null where the source does not tell it. */
  sha256: string | null
  /** Git's SHA-1 of a blob, which the hub tells of files outside LFS; null elsewhere. */
  gitSha1: string | null
}

/** What the owner says about use; shown before anything is downloaded. */
export interface SourceLicence {
  /** As the source spells it, such as `creativeml-openrail-m`; null when it says nothing. */
  id: string | null
  /** True when the licence's name forbids commercial use. */
  nonCommercial: boolean
  /** True when the owner asks for an agreement first. */
  gated: boolean
}

export interface SourceListing {
  /** Address with the revision pinned: equal ids mean equal files. */
  id: string
  files: SourceFile[]
  licence: SourceLicence
}

/** Progress of one file while a model is fetched. */
export interface FileProgress {
  path: string
  /** Bytes that are stored already, of `total`. */
  loaded: number
  total: number
  /** `checking`: stored pieces are read again and hashed; `stored`: whole and verified. */
  state: 'checking' | 'loading' | 'stored'
  /** Recent bytes per second from the network; null before there is a figure. */
  bytesPerSecond: number | null
}

/** A file of a stored model. */
export interface StoredFile {
  /** Name under which its bytes are stored; equal keys are one file on disk. */
  key: string
  path: string
  bytes: number
  /** Bytes that are stored; less than `bytes` for a download that broke off. */
  stored: number
  /** SHA-256 as the source told it, or as it was found; null while unknown. */
  sha256: string | null
  /** True once the hash of the whole file was right. */
  verified: boolean
}

/** A model, or a part of one, that is stored in this browser. */
export interface StoredModel {
  /** Pinned address, as in `SourceListing.id`. */
  id: string
  licence: SourceLicence
  /** ISO 8601. */
  added: string
  files: StoredFile[]
}

/** What is stored here and how much room is left. Bytes; null where the browser does not tell. */
export interface StorageFacts {
  models: StoredModel[]
  usage: number | null
  quota: number | null
  /** True when the browser has promised not to clear this site by itself. */
  persisted: boolean
  kind: 'opfs' | 'indexeddb'
}

/** The storage worker: what is stored here, and what may be done with it. */
export interface StorageApi {
  facts(): Promise<StorageFacts>
  /** Reads a stored file again: true when every byte is right. Damaged pieces are loaded again by the next fetch. */
  verify(key: string): Promise<boolean>
  /** Deletes a model and those of its files that no other model needs. */
  remove(id: string): Promise<void>
}
