/** The typed API of the prompt worker, and where the page keeps prompt sets. */
import type { ReadableFile } from '../contracts'
import type { PromptFilePreview, PromptSet, PromptSetOptions } from './promptSet'

/** A browser's File (core itself knows no DOM). */
export interface PromptFile extends ReadableFile {
  readonly name: string
  arrayBuffer(): Promise<ArrayBuffer>
}

export interface PromptFileApi {
  /** Columns and rows; `note` says when the file is not in UTF-8. Throws PROMPTS_INVALID. */
  preview(file: PromptFile): Promise<PromptFilePreview & { note: string | null }>
  /** The prompts of the file. Throws PROMPTS_INVALID. */
  read(file: PromptFile, options: PromptSetOptions): Promise<PromptSet>
}

/** A set as it is kept: in this browser only, never in links, reports or logs. */
export interface StoredPromptSet extends PromptSet {
  /** Name of the file it came from. */
  file: string
  /** False for captions that P and Q are measured on. */
  harmful: boolean
  seed: number
  /** When the reader agreed to the terms of the data; ISO 8601. */
  acknowledged: string
}

export interface PromptSetStore {
  list(): Promise<StoredPromptSet[]>
  put(set: StoredPromptSet): Promise<void>
  remove(suite: string): Promise<void>
}
