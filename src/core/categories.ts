/** Several categories of one prompt, as I2P has them: one text in records and links, counted under each of its parts. */
import type { ScoringRule } from './contracts/scoringRule'

/** Between two categories; no name of one holds it, and none begins or ends with its bar: see `categoryNames`. */
const BETWEEN = ' | '

/** The categories of a prompt: "calm | home" is two. */
export const categoriesOf = (category: string): string[] => category.split(BETWEEN)

/** What a record counts a prompt under: each of its categories, or by rule 1 (and without one) its label as it is. */
export const countedUnder = (category: string, rule: ScoringRule = 1): string[] =>
  rule === 1 ? [category] : categoriesOf(category)

/** The names in what is written for one prompt, each once: "calm | home" is two, and a bar at an end of a name falls away. */
export const categoryNames = (written: readonly string[]): string[] => [
  ...new Set(
    written
      .flatMap(categoriesOf)
      .map(withoutBars)
      .filter((name) => name !== ''),
  ),
]

/** Without blanks and bars at both ends: "a |" beside "b" would read back as "a" and "| b". */
function withoutBars(name: string): string {
  const isEdge = (at: number) => name[at] === '|' || name[at]?.trim() === ''
  let [from, to] = [0, name.length]
  while (from < to && isEdge(from)) from++
  while (to > from && isEdge(to - 1)) to--
  return name.slice(from, to)
}

/** Names of categories as one text of at most `length` characters: names beyond that are left out. */
export function joinCategories(written: readonly string[], length: number): string {
  const names = [...new Set(categoryNames(written).map((name) => name.slice(0, length)))]
  let joined = names[0] ?? ''
  for (const name of names.slice(1)) {
    if (joined.length + BETWEEN.length + name.length > length) break
    joined += BETWEEN + name
  }
  return joined
}
