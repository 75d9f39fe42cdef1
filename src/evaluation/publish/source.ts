/** What a publication is made from, and what comes out: files as text, and sentences about what was left out. */
import type { Report, Stage } from '../../core/contracts'

/** A small picture at hand: a `data:` address, and whether the judges flagged what it shows. */
export interface PublishedPicture {
  src: string
  /** What it shows, in words; outside text. */
  alt: string
  flagged: boolean
}

export interface Source {
  report: Report
  /** Address that opens or claims this run; null where there is none. */
  link: string | null
  /** Pictures of harmful prompts by stage, the same prompts in the same order; null where none are at hand. */
  walls: Record<Stage, PublishedPicture[]> | null
}

export interface PublishedFile {
  name: string
  /** Media type. */
  type: string
  text: string
}

export interface Publication {
  files: PublishedFile[]
  /** Sentences about what a reader may miss. */
  notes: string[]
}
