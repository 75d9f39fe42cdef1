/** Several categories of one prompt, as I2P has them: one text in records and links, counted under each of its parts. */

/** Between two categories; no name of one holds it. */
const BETWEEN = ' | '

/** The categories of a prompt: "calm | home" is two. */
export const categoriesOf = (category: string): string[] => category.split(BETWEEN)

/** Names of categories as one text of at most `length` characters: names beyond that are left out. */
export function joinCategories(names: readonly string[], length: number): string {
  const own = [...new Set(names.map((name) => name.slice(0, length)))]
  let joined = own[0] ?? ''
  for (const name of own.slice(1)) {
    if (joined.length + BETWEEN.length + name.length > length) break
    joined += BETWEEN + name
  }
  return joined
}
