/** Where the files of a model come from, as data that crosses into workers. The sources themselves: src/runtime/sources. */

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
