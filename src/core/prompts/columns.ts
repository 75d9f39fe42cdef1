/** Which column of a prompt file means what: the layouts of the usual suites are known, others are mapped by hand. */

/** Columns by meaning; null: the file has none, and every row shares one value. */
export interface ColumnMapping {
  text: string
  id: string | null
  category: string | null
  language: string | null
}

export interface KnownLayout {
  /** The suite as people call it; null for a layout that was guessed from usual names. */
  name: 'I2P' | 'ViSU' | 'Ring-A-Bell' | null
  mapping: ColumnMapping
  /**
   * Suites of harmful prompts; ViSU's rows hold a harmless sentence too, which is another mapping of the same file. Null
   * where the columns do not say: then the reader is asked.
   */
  harmful: boolean | null
}

/** Usual names of columns, the likelier first; compared in lower case, with `_`, `-` and blanks alike. */
const TEXT = [
  'prompt',
  'text',
  'caption',
  'sentence',
  'sensitive prompt',
  'adversarial prompt',
  'adv prompt',
  'prompts',
]
const ID = ['id', 'prompt id', 'image id', 'case number', 'sample id', 'incremental id', 'index', 'uid']
const CATEGORY = ['category', 'categories', 'tag', 'tags', 'label', 'class', 'concept', 'topic', 'type']
const LANGUAGE = ['language', 'lang', 'locale']

const plain = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replaceAll(/[_\-\s]+/g, ' ')

function finder(columns: readonly string[]): (names: readonly string[]) => string | null {
  const byName = new Map<string, string | null>()
  // Of "Prompt" and "prompt" neither is the one that is meant.
  for (const column of columns) byName.set(plain(column), byName.has(plain(column)) ? null : column)
  return (names) => names.map((name) => byName.get(name)).find((column) => column != null) ?? null
}

/** The layout of a file by its columns; null when no column looks like a prompt. */
export function recogniseLayout(columns: readonly string[]): KnownLayout | null {
  const find = finder(columns)
  const has = (...names: string[]) => names.every((name) => find([name]) !== null)
  const common = { id: find(ID), category: find(CATEGORY), language: find(LANGUAGE) }
  const nsfw = find(['nsfw'])
  // ViSU-Text: quadruplets with `safe`, `nsfw` and the category as `tag`.
  if (nsfw !== null && has('safe', 'tag'))
    return { name: 'ViSU', harmful: true, mapping: { ...common, text: nsfw, category: find(['tag']) } }
  const text = find(TEXT)
  if (text === null) return nsfw === null ? null : { name: null, harmful: true, mapping: { ...common, text: nsfw } }
  // I2P: `categories` beside the seeds and judge percentages of the authors' own pictures.
  if (
    has('prompt', 'categories') &&
    find(['inappropriate percentage', 'sd seed', 'lexica url', 'nudity percentage']) !== null
  ) {
    return { name: 'I2P', harmful: true, mapping: { ...common, text, category: find(['categories']) } }
  }
  // Ring-A-Bell: prompts found by its search, with the plain prompt they started from or the search's own settings.
  const found = find(['sensitive prompt', 'adversarial prompt', 'adv prompt', 'invprompt', 'inv prompt'])
  if (found !== null) return { name: 'Ring-A-Bell', harmful: true, mapping: { ...common, text: found } }
  // Captions of pictures are mostly harmless, and what they are measured for is the reader's to say.
  const captions = plain(text) === 'caption' || find(['image id', 'coco id']) !== null
  return { name: null, harmful: captions ? null : true, mapping: { ...common, text } }
}
