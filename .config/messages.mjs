/**
 * `npm run messages`: brings src/locales up to date with the source, keeps every translation that is still said, and
 * lists what has none. `npm run messages -- --check` changes nothing and fails where a language lacks a sentence.
 */
import { fileURLToPath } from 'node:url'
import { check, collect, readTranslations, writeTranslations } from './messages/catalogue.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SHOWN = 40

if (!process.argv.includes('--check')) await writeTranslations(ROOT, await collect(ROOT), await readTranslations(ROOT))

const { missing: all, stale, entries } = await check(ROOT)
// Errors of files and of networks are not asked for: they may be shown in English.
const missing = all.filter(({ page, problem }) => page || problem !== 'has no translation')
for (const { language, english, file, problem } of missing.slice(0, SHOWN))
  console.log(`${language}: “${english}” (${file}) ${problem}.`)
for (const { language, english } of stale.slice(0, SHOWN)) console.log(`${language}: “${english}” is no longer said.`)
console.log(`${entries} sentences; ${missing.length} translations missing or wrong, ${stale.length} no longer said.`)
process.exit(missing.length + stale.length > 0 ? 1 : 0)
