/** What every row of the method table says of a method, whatever it does. */

/** Where a method was published. */
export interface Source {
  /** First author, venue and year. */
  paper: string
  /** Number at arxiv.org; null where the method was not published there. */
  arXiv: string | null
}

export interface Method {
  /** The name a reader sees; the row's key is the id in links, specifications and stored runs. */
  name: string
  /** One sentence: what it does. */
  help: string
  source: Source
}

/** A number that a method takes: its limits and words. The value that holds when none is chosen stands in the row. */
export interface MethodNumber {
  /** Label of its field. */
  label: string
  /** One sentence for the field and `--help`. */
  help: string
  /** Null: a pure number. */
  unit: string | null
  low: number
  high: number
  whole: boolean
}

/** Keys of a table in its order, as the literal types that they are. */
export function idsOf<Table extends object>(table: Table): readonly (keyof Table & string)[] {
  return Object.keys(table) as (keyof Table & string)[]
}
