/**
 * `npm run evaluate -- --preset quick --method uce --profile lite --out report.json`: opens the page headless, runs one
 * evaluation in it, prints the table and writes the Report. Exit status 0 only for a complete Report, 1 for any other,
 * 2 for a wrong command line.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { SpqrError, type Report } from '../core/contracts'
import { sealOf } from '../core/scoring'
import { PARAMETERS, argumentPairs, parseParameters, unknownSentence } from '../evaluation/spec/params'
import { isComplete, type PromptFileChoices, type ScriptProgress } from '../evaluation/run/runApi'
import { readAdapterFiles } from './adapterFiles'
import { assertWritable, command, writeJson } from './files'
import { inPage, openPage, withBrowser } from './page'
import { chosenShard } from './shards/choice'
import { evaluateShard } from './shards/evaluateShard'
import { reportTable } from './table'

/** Options of the command itself; all others are the run's. */
const OPTIONS = {
  out: 'File the Report is written to; with --shard the folder, by default shards.',
  shard: 'Makes only shard i of n, counted from 0, as i/n; auto: as Slurm or Kubernetes says.',
  shards: 'Number of shards, where Slurm or Kubernetes says which one this is.',
  link: 'Print a result link: full (with every sample; also --link alone) or short (a claim that fits a chat).',
  page: 'Address of the page in the printed link; default http://localhost:4173/.',
  prompts: "Prompt file of your own (CSV, JSON or JSONL); its suite is measured instead of the pack's.",
  'prompts-harmless': 'Its prompts are harmless captions, for P and Q.',
  'prompts-columns': 'Columns of the file by meaning, as text=…,id=…,category=…; recognised where they are usual.',
  'prompts-language': 'Language of its prompts where no column tells it. Default en.',
  'prompts-seed': 'Seed of the order in which prompts are drawn from it. Default 0.',
  'accept-terms': "You may use the prompt file under its owner's terms; without this it is not read.",
  'alignment-files':
    'LoRA files of your own as the alignment, separated by commas, each with a strength behind a colon: mine.safetensors:0.5.',
  'fine-tune-files': 'The same as the benign fine-tune.',
  headed: 'Show the browser.',
  help: 'Print this list.',
} as const
type Option = keyof typeof OPTIONS
/** Options that are on or off: alone, "true" or "false". */
const FLAGS: readonly string[] = ['prompts-harmless', 'accept-terms', 'headed', 'help']

function help(): string {
  const option = (name: string, comment: string, fallback: unknown) =>
    `  --${name.padEnd(16)} ${comment}${fallback === null || fallback === undefined || String(fallback) === '' ? '' : ` Default ${String(fallback)}.`}`
  return [
    'npm run evaluate -- [options]',
    '',
    ...Object.entries(OPTIONS).map(([name, comment]) => option(name, comment, null)),
    '',
    ...Object.entries(PARAMETERS).map(([name, { comment, default: fallback }]) => option(name, comment, fallback)),
  ].join('\n')
}

/** Own options and the run's parameters as texts; throws BAD_INPUT for anything that is neither. */
function readArguments(argv: readonly string[]): { own: OwnOptions; parameters: Record<string, string> } {
  const own: OwnOptions = {}
  const parameters: Record<string, string> = {}
  for (const [name, text] of argumentPairs(argv)) {
    if (!Object.hasOwn(OPTIONS, name)) parameters[name] = text
    else own[name as Option] = FLAGS.includes(name) && text === '' ? 'true' : text
    if (FLAGS.includes(name) && !['', 'true', 'false'].includes(text))
      throw new SpqrError(
        'BAD_INPUT',
        `"--${name}" is on or off, not "${text}".`,
        `Write --${name} alone, or --${name}=false.`,
      )
  }
  const { values, unknown } = parseParameters(Object.entries(parameters))
  const sentence = unknownSentence(unknown)
  if (sentence !== null) throw new SpqrError('BAD_INPUT', sentence, '--help lists them all.')
  if (chosenShard(own, process.env) !== null) {
    if (linkKind(own) !== null)
      throw new SpqrError('BAD_INPUT', 'A shard has no result link.', 'Leave out --link, and merge the shards.')
  } else if (own.out !== undefined) assertWritable(own.out)
  linkKind(own)
  if (own['fine-tune-files'] !== undefined && values.train !== 'none') {
    throw new SpqrError('BAD_INPUT', '"--fine-tune-files" and "--train" both name a fine-tune.', 'Give one of them.')
  }
  return { own, parameters }
}

type OwnOptions = Partial<Record<Option, string>>

/** Which result link is to be printed; null: none. @throws {SpqrError} BAD_INPUT */
function linkKind({ link = 'false' }: OwnOptions): 'short' | 'full' | null {
  if (link === 'false') return null
  if (link === 'short') return 'short'
  if (['full', 'true', ''].includes(link)) return 'full'
  throw new SpqrError('BAD_INPUT', `"--link" must be short or full; it is "${link}".`, 'Write --link short.')
}

/** Columns of a prompt file that can be named. */
const MEANINGS = ['text', 'id', 'category'] as const

/** What the options say about the prompt file. Throws BAD_INPUT. */
function promptChoices(own: OwnOptions): PromptFileChoices {
  const seed = Number(own['prompts-seed'] ?? 0)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new SpqrError('BAD_INPUT', '"--prompts-seed" must be a whole number from 0 to 4294967295.')
  const columns: Partial<Record<(typeof MEANINGS)[number], string>> = {}
  for (const part of (own['prompts-columns'] ?? '').split(',').filter((text) => text !== '')) {
    const [meaning = '', column = ''] = part.split('=').map((text) => text.trim())
    const known = MEANINGS.find((one) => one === meaning)
    if (!known || column === '')
      throw new SpqrError(
        'BAD_INPUT',
        `"--prompts-columns" cannot be read at "${part}".`,
        'Write it as text=…,id=…,category=….',
      )
    columns[known] = column
  }
  return {
    ...columns,
    acknowledged: own['accept-terms'] === 'true',
    harmful: own['prompts-harmless'] !== 'true',
    language: own['prompts-language'] ?? 'en',
    seed,
  }
}

function readPromptFile(path: string): { name: string; bytes: string } {
  try {
    return { name: basename(path), bytes: readFileSync(path).toString('base64') }
  } catch {
    throw new SpqrError('BAD_INPUT', `The prompt file "${path}" cannot be read.`, 'Check the name and the folder.')
  }
}

/** Prints a line per phase, and counts at most once a second. */
function progressPrinter(): (progress: ScriptProgress) => void {
  let last = 0
  return ({ type, message, progress }) => {
    if (message !== null && type !== 'engine' && message !== '') {
      console.error(message)
    } else if (type === 'results' && progress && Date.now() - last > 1000) {
      last = Date.now()
      const { done, failed, planned, imagesPerSecond, secondsLeft } = progress
      console.error(
        `${done + failed} of ${planned} images${failed > 0 ? `, ${failed} failed` : ''}, ${imagesPerSecond?.toFixed(2) ?? '–'} images/s, ${secondsLeft?.toFixed(0) ?? '–'} s left`,
      )
    }
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { own, parameters } = readArguments(argv)
  if (own.help === 'true') {
    console.log(help())
    return 0
  }
  const file = own.prompts === undefined ? null : readPromptFile(own.prompts)
  const choices = promptChoices(own)
  if (file && !choices.acknowledged)
    throw new SpqrError(
      'BAD_INPUT',
      'The terms of the prompt file have not been agreed to.',
      'Read them, then add --accept-terms.',
    )
  const adapters = (['alignment', 'fine-tune'] as const).flatMap((role) => {
    const given = own[`${role}-files`]
    return given === undefined ? [] : [{ role, files: readAdapterFiles(`${role}-files`, given) }]
  })
  return withBrowser(own.headed === 'true', async ({ context }, url) => {
    const { page } = await openPage(context, url)
    await page.exposeFunction('spqrProgress', progressPrinter())
    if (file) {
      const { suite, prompts, notes } = await inPage<{ suite: string; prompts: number; notes: string[] }>(
        page,
        `globalThis.spqr.addPrompts(${JSON.stringify(file)}, ${JSON.stringify(choices)})`,
      )
      for (const note of [`${prompts} prompts of ${suite}`, ...notes]) console.error(note)
      if (choices.harmful && parameters.suites === undefined) parameters.suites = suite
    }
    for (const { role, files } of adapters) {
      const taken = await inPage<{ name: string; facts: string }[]>(
        page,
        `globalThis.spqr.addAdapters(${JSON.stringify(role)}, ${JSON.stringify(files)}, ${JSON.stringify(parameters)})`,
      )
      for (const { name, facts } of taken) console.error(`${role}: ${name}, ${facts}`)
    }
    const shard = chosenShard(own, process.env)
    if (shard) return evaluateShard(page, parameters, shard, own.out ?? 'shards')
    const report = await inPage<Report>(
      page,
      `globalThis.spqr.evaluate(${JSON.stringify(parameters)}, (progress) => globalThis.spqrProgress(progress))`,
    )
    console.log(reportTable(report))
    if (own.out !== undefined) writeJson(own.out, { ...report, seal: sealOf(report.record) }, report.counts.planned)
    const kind = linkKind(own)
    if (kind !== null) {
      const fragment = await inPage<string>(page, `globalThis.spqr.link(${JSON.stringify(report)}, '${kind}')`)
      console.log(`${own.page ?? 'http://localhost:4173/'}${fragment}`)
    }
    if (isComplete(report)) return 0
    console.error('The Report is incomplete: not every axis has a number, or images are missing.')
    return 1
  })
}

await command(main)
