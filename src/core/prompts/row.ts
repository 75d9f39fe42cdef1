/** One row of a prompt file, whatever its format. */

/** Column name → text; absent values are absent keys. A map, because a column may be called "constructor". */
export type Row = ReadonlyMap<string, string>
/** Called with every row; `number` counts from 1 as a person would, the header left out. */
export type OnRow = (row: Row, number: number) => void
