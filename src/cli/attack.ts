/**
 * `npm run attack`: makes the suite `harmful-ring-a-bell` of a pack: prompts found by Ring-A-Bell's search on the pack's
 * own text encoder, in the page, headless. Writes `prompts/harmful-ring-a-bell.json` and `attacks.json` beside the
 * manifest, which stays as it is. How far the base model draws what they stand for is measured by any run that takes the
 * suite: `npm run evaluate -- --suites harmful-ring-a-bell`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { LIVE_SEARCH, forbiddenConcepts, searchFor, type ForbiddenConcept } from '../core/attack'
import {
  AttackSuitesSchema,
  PackManifestSchema,
  PromptFileSchema,
  SpqrError,
  checkShape,
  conceptName,
  named,
  parseJson,
  type AttackSuites,
  type Prompt,
  type PromptSearch,
  type SearchProgress,
  type SearchSettings,
} from '../core/contracts'
import { sha256Hex } from '../core/hash'
import { argumentPairs } from '../evaluation/spec/params'
import { assertWritable, command, readText } from './files'
import { ROOT, inPage, openPage, withBrowser } from './page'

const SUITE = 'harmful-ring-a-bell'
const OPTIONS = {
  pack: 'Folder below public/packs. Default pictogram.',
  strings: 'Prompts of each forbidden concept. Default 2.',
  concepts: 'Only these, as the harmful suite calls them, separated by commas. Default all.',
  population: 'Prompts of a generation. Default 64; published 200.',
  generations: 'Default 64; published 3000.',
  crossover: 'Chance of two children. Default 0.5, as published.',
  mutation: 'Chance of one new token. Default 0.25, as published.',
  length: 'Tokens of a prompt. Default 16, as published.',
  eta: 'Strength of the concept. Default 3, as published.',
  seed: 'Default 0.',
  captions: '2: in right English (default); 1: as the suite that is shipped was made.',
  vocabulary: 'A tokenizer.json; only its tokens are used.',
  help: 'Print this list.',
} as const
type Option = keyof typeof OPTIONS
/** A minute or less for one prompt on one core, where the published settings take hours. */
const DEFAULTS: SearchSettings = { ...LIVE_SEARCH, population: 64, generations: 64 }

function readArguments(argv: readonly string[]): Partial<Record<Option, string>> {
  const given = argumentPairs(argv)
  const unknown = given.find(([name]) => !Object.hasOwn(OPTIONS, name))
  if (unknown) throw new SpqrError('BAD_INPUT', `There is no option "--${unknown[0]}".`, '--help lists them all.')
  return Object.fromEntries(given)
}

/** @throws {SpqrError} BAD_INPUT for a text that is no number */
function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw new SpqrError('BAD_INPUT', `"--${name}" must be a number; it is "${text}".`, 'Leave it out for its default.')
}

function wholeNumber(name: string, text: string | undefined, fallback: number, [low, high]: [number, number]): number {
  const value = numberOf(name, text, fallback)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new SpqrError('BAD_INPUT', `"--${name}" must be a whole number from ${low} to ${high}; it is "${text}".`)
}

/** A JSON file of the pack. @throws {SpqrError} BAD_INPUT, MANIFEST_INVALID */
function readPart<Schema extends v.GenericSchema>(schema: Schema, path: string): v.InferOutput<Schema> {
  const { value, fault } = checkShape(schema, parsed(path))
  if (fault === null) return value
  throw new SpqrError('MANIFEST_INVALID', `"${path}" is wrong at ${fault}.`, 'Publish the pack again.')
}

function parsed(path: string): unknown {
  const { value, fault } = parseJson(readText(path))
  if (fault === null) return value
  throw new SpqrError('BAD_INPUT', `"${path}" is no JSON file: ${fault}.`, 'Name another one.')
}

const VocabularySchema = v.object({ model: v.object({ vocab: named(v.number()) }) })

function readVocabulary(path: string | undefined): PromptSearch['vocabulary'] {
  if (path === undefined) return undefined
  const { value, fault } = checkShape(VocabularySchema, parsed(path))
  if (fault === null) return value.model.vocab
  throw new SpqrError(
    'BAD_INPUT',
    `"${path}" is no tokenizer with a vocabulary.`,
    'Name the tokenizer.json of the pack.',
  )
}

/** Forbidden concepts of the pack, and its harmless prompts. */
function packPrompts(folder: string, chosen: string | undefined): { forbidden: ForbiddenConcept[]; benign: Prompt[] } {
  const { prompts } = readPart(PackManifestSchema, join(folder, 'manifest.json'))
  const [harmful, benign] = [true, false].map((kind) => {
    const suite = prompts.find(({ harmful: is }) => is === kind)
    return suite ? readPart(PromptFileSchema, join(folder, suite.file.path)) : []
  })
  const all = forbiddenConcepts(harmful ?? [])
  const names = chosen?.split(',') ?? all.map(({ id }) => id)
  const wrong = names.find((name) => !all.some(({ id }) => id === name))
  if (wrong === undefined) return { forbidden: all.filter(({ id }) => names.includes(id)), benign: benign ?? [] }
  throw new SpqrError(
    'BAD_INPUT',
    `There is no forbidden concept "${wrong}".`,
    `Choose from ${all.map(({ id }) => id).join(', ')}.`,
  )
}

const row = ({ id, category }: ForbiddenConcept, number: number, text: string): Prompt => ({
  id: `hr-${category}-${id}-${String(number).padStart(2, '0')}`,
  text,
  language: 'und',
  suite: SUITE,
  category,
  concept: id,
})

/** The suite and its description beside the manifest; other suites of `attacks.json` stay. */
function write(folder: string, rows: readonly Prompt[], made: AttackSuites['suites'][number]['made']): void {
  const path = `prompts/${SUITE}.json`
  const text = `[\n${rows.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`
  writeFileSync(join(folder, path), text)
  const bytes = readFileSync(join(folder, path))
  const file = { path, bytes: bytes.length, sha256: sha256Hex(bytes) }
  const beside = join(folder, 'attacks.json')
  const others = existsSync(beside) ? readPart(AttackSuitesSchema, beside).suites : []
  const own = { suite: SUITE, harmful: true, languages: ['und'], count: rows.length, file, attack: 'ring-a-bell', made }
  const suites = [...others.filter(({ suite }) => suite !== SUITE), own]
  writeFileSync(beside, `${JSON.stringify({ schema: 1, suites }, null, 1)}\n`)
}

async function main(argv: readonly string[]): Promise<number> {
  const { pack = 'pictogram', ...own } = readArguments(argv)
  if (own.help !== undefined) {
    console.log(
      Object.entries(OPTIONS)
        .map(([name, comment]) => `  --${name.padEnd(12)} ${comment}`)
        .join('\n'),
    )
    return 0
  }
  if (!/^[\w-]+$/.test(pack)) throw new SpqrError('BAD_INPUT', `"${pack}" is no folder below public/packs.`)
  const folder = join(ROOT, 'public', 'packs', pack)
  const { forbidden, benign } = packPrompts(folder, own.concepts)
  const strings = wholeNumber('strings', own.strings, 2, [1, 100])
  const seed = wholeNumber('seed', own.seed, 0, [0, 2 ** 32 - 1])
  const captions = wholeNumber('captions', own.captions, 2, [1, 2]) === 1 ? 1 : 2
  const vocabulary = readVocabulary(own.vocabulary)
  const names = Object.keys(DEFAULTS) as (keyof SearchSettings)[]
  const settings = {
    ...DEFAULTS,
    ...Object.fromEntries(names.map((key) => [key, numberOf(key, own[key], DEFAULTS[key])])),
  }
  assertWritable(join(folder, 'attacks.json'))
  const rows: Prompt[] = []
  await withBrowser(false, async ({ context }, url) => {
    const { page } = await openPage(context, url)
    // One of every concept before any comes twice: every prefix is balanced, as in the other suites.
    for (let round = 1; round <= strings; round++) {
      for (const concept of forbidden) {
        const search = searchFor([concept.id], benign, settings, seed, rows.length)
        const given = JSON.stringify({ ...search, captions, ...(vocabulary ? { vocabulary } : {}) })
        const found = await inPage<SearchProgress>(
          page,
          `globalThis.spqr.searchPrompt(${JSON.stringify(pack)}, ${given})`,
        )
        console.log(`${conceptName(concept.id)}: ${found.text} (${found.distance.toFixed(0)})`)
        rows.push(row(concept, round, found.text))
      }
      write(folder, rows, { settings, seed, stringsPerConcept: round, captions })
      console.log(`${rows.length} prompts in ${join('public', 'packs', pack, 'prompts', `${SUITE}.json`)}`)
    }
  })
  return 0
}

await command(main)
