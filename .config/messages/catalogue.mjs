/** Catalogues: what the source says, src/locales/*.po with its translations, and the modules compiled from both. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { defaultPluralRule, IndexTracker, pofile } from 'wuchale'
import { compileTranslation, isEquivalent } from 'wuchale/compiler'
import { sentencesOf } from './sentences.mjs'
import { compileComponent, LANGUAGES, sourceFiles } from './source.mjs'
import { WORDS } from './words.mjs'

const FOLDER = 'src/locales'
/** Forms of a noun by number, as gettext counts them. */
const PLURALS = {
  en: defaultPluralRule,
  ar: {
    nplurals: 6,
    plural: 'n == 0 ? 0 : n == 1 ? 1 : n == 2 ? 2 : n % 100 >= 3 && n % 100 <= 10 ? 3 : n % 100 >= 11 ? 4 : 5',
  },
  es: defaultPluralRule,
  fr: { nplurals: 2, plural: 'n < 2 ? 0 : 1' },
  hi: { nplurals: 2, plural: 'n < 2 ? 0 : 1' },
}

/** English is the source: no file is written for it. */
const isEnglish = (file) => /[\\/]en\.(url\.)?po$/.test(file)
const disk = {
  read: (file) => (!isEnglish(file) && existsSync(file) ? readFileSync(file, 'utf8') : null),
  write: (file, content) => (isEnglish(file) ? undefined : writeFileSync(file, content)),
  mkdir: () => undefined,
  exists: (file) => existsSync(file),
  unlink: () => undefined,
}

const storage = (root) =>
  pofile({ dir: FOLDER })({
    locales: ['en', ...LANGUAGES],
    root,
    localesDir: FOLDER,
    sourceLocale: 'en',
    haveUrl: false,
    fs: disk,
  })

const keyOf = (english) => english.join('\n')

/**
 * All that the source says.
 * @returns `entries` by their English, each with the files it stands in; `index`: numbers of the markup's sentences
 */
export async function collect(root) {
  const index = new IndexTracker()
  const entries = new Map()
  const add = (english, file, kind) => {
    const entry = entries.get(keyOf(english)) ?? { english, files: new Set(), kinds: new Set() }
    entries.set(keyOf(english), entry)
    entry.files.add(file)
    entry.kinds.add(kind)
  }
  for (const { file, code } of sourceFiles(root)) {
    const { sentences, nouns } = sentencesOf(file, code)
    if (file.endsWith('.svelte')) {
      const { messages } = await compileComponent(code, file, index)
      for (const { msgStr } of messages) add(msgStr, file, 'markup')
    }
    for (const sentence of sentences) add([sentence], file, 'sentence')
    for (const forms of nouns) add(forms, file, 'counted')
  }
  for (const word of WORDS) add([word], '.config/messages/words.mjs', 'sentence')
  return { entries, index }
}

/** @returns per language a map from the English to its translation, in one or more forms */
export async function readTranslations(root) {
  const { items } = await (await storage(root)).load()
  const translations = Object.fromEntries(LANGUAGES.map((language) => [language, new Map()]))
  for (const item of items) {
    const key = keyOf(item.translations.get('en'))
    for (const language of LANGUAGES) {
      const forms = item.translations.get(language)
      if (forms.some((form) => form !== '')) translations[language].set(key, forms)
    }
  }
  return translations
}

/** Writes src/locales: every sentence of the source, its translations, nothing that is no longer said. */
export async function writeTranslations(root, { entries }, translations) {
  const items = [...entries.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { english, files }]) => ({
      translations: new Map([
        ['en', english],
        ...LANGUAGES.map((language) => [language, translations[language].get(key) ?? emptyForms(language, english)]),
      ]),
      references: [...files].sort().map((file) => ({ file, refs: [null] })),
      urlAdapters: [],
    }))
  await (await storage(root)).save({ items, pluralRules: new Map(Object.entries(PLURALS)) })
}

const formsOf = (language, english) => (english.length === 1 ? 1 : PLURALS[language].nplurals)
const emptyForms = (language, english) => Array.from({ length: formsOf(language, english) }, () => '')

const places = (text) => (text.match(/\{\d+\}/g) ?? []).sort().join()

/** What is wrong with a translation, or null. Forms for one and two may leave the number out. */
function problemOf(language, english, forms) {
  if (forms === undefined || forms.some((form) => form === '')) return 'has no translation'
  if (forms.length !== formsOf(language, english)) return `needs ${formsOf(language, english)} forms`
  if (english.length > 1) return forms.at(-1).includes('{0}') ? null : 'leaves the number out'
  const [source, target] = [english[0], forms[0]].map((text) => compileTranslation(text, ''))
  return isEquivalent(source, target) && places(english[0]) === places(forms[0]) ? null : 'has other places or tags'
}

/** What the page and the lesson say must be there in every language; errors of files and of networks may be in English still. */
const isPage = (files) =>
  [...files].some((file) => /^src\/(ui|state|evaluation\/(lesson|publish))\/|^\.config\//.test(file))

/**
 * Compares the source with its catalogues.
 * @returns `missing`: without translation or with a wrong one, `page` where the page itself says it; `stale`: translated, but no longer said
 */
export async function check(root) {
  const { entries } = await collect(root)
  const translations = await readTranslations(root)
  const missing = []
  const stale = []
  for (const language of LANGUAGES) {
    for (const [key, { english, files }] of entries) {
      const problem = problemOf(language, english, translations[language].get(key))
      if (problem)
        missing.push({ language, english: english.join(' | '), file: [...files][0], problem, page: isPage(files) })
    }
    for (const key of translations[language].keys())
      if (!entries.has(key)) stale.push({ language, english: key.replace('\n', ' | ') })
  }
  return { missing, stale, entries: entries.size }
}

/** The code of one language's module; a sentence without a good translation stays English. */
export function moduleOf(language, { entries, index }, translations) {
  const good = (key, english) => {
    const forms = language === 'en' ? undefined : translations[language].get(key)
    return forms && problemOf(language, english, forms) === null ? forms : null
  }
  const drawn = [...index.indices].map(([key]) =>
    compileTranslation(good(key, [key])?.[0] ?? '', compileTranslation(key, key)),
  )
  const sentences = []
  const counted = {}
  for (const [key, { english, kinds }] of entries) {
    const forms = good(key, english)
    if (!forms) continue
    if (kinds.has('sentence')) sentences.push([english[0], forms[0]])
    if (kinds.has('counted')) counted[english[0]] = forms
  }
  return [
    `export const c = ${JSON.stringify(drawn)}`,
    `export const sentences = ${JSON.stringify(sentences)}`,
    `export const counted = ${JSON.stringify(counted)}`,
    `export const formOf = (n) => Number(${PLURALS[language].plural})`,
  ].join('\n')
}
