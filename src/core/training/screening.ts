/** Benign data only: what a caption must not name. */

/** NFKC, lower case, single spaces: as captions and names are compared. */
export const normaliseCaption = (text: string): string =>
  text.normalize('NFKC').toLowerCase().split(/\s+/u).filter(Boolean).join(' ')

const wordCharacter = /[\p{L}\p{M}\p{N}]/u
/** Arabic writes "and", "with", "for" and the article as one word with what follows: the word's start without them. */
const ARABIC_PREFIX = /(?<![\p{L}\p{M}\p{N}])[وف]?(?:[بك]?ال|لل|[بكل])?$/u

/** The first of `names` (normalised) that stands in the caption as whole words, an Arabic article aside; null when none does. */
export function forbiddenName(caption: string, names: readonly string[]): string | null {
  const text = normaliseCaption(caption)
  const inside = (character: string | undefined): boolean => character !== undefined && wordCharacter.test(character)
  // Characters beyond the basic plane take two units; a lone half never matches a letter, so look at whole ones.
  const before = (at: number): string | undefined => [...text.slice(Math.max(0, at - 2), at)].at(-1)
  const behind = (at: number): string | undefined => [...text.slice(at, at + 2)][0]
  for (const name of names) {
    if (name === '') continue
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const begins = !inside(before(at)) || (/^\p{Script=Arabic}/u.test(name) && ARABIC_PREFIX.test(text.slice(0, at)))
      if (begins && !inside(behind(at + name.length))) return name
    }
  }
  return null
}
