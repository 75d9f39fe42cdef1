/**
 * `npm run evaluate -- --preset quick --method uce --profile lite --out report.json`: opens the page headless, runs one
 * evaluation in it, prints the table and writes the Report. Exit status 0 only for a complete Report, 1 for any other,
 * 2 for a wrong command line.
 */
import { SpqrError, type Report } from '../core/contracts'
import { sealOf } from '../core/scoring'
import { PARAMETERS, argumentPairs, parseParameters, unknownSentence } from '../evaluation/spec/params'
import { isComplete, type ScriptProgress } from '../evaluation/run/runApi'
import { assertWritable, command, writeJson } from './files'
import { giveFiles } from './giveFiles'
import { FILE_OPTIONS, readOwnFiles } from './ownFiles'
import { inPage, openPage, withBrowser } from './page'
import { chosenShard } from './shards/choice'
import { checkLinks, printShardLinks } from './shards/links'
import { evaluateShard } from './shards/evaluateShard'
import { reportTable } from './table'

/** Options of the command itself; all others are the run's. */
const OPTIONS = {
  out: 'File the Report is written to; with --shard the folder, by default shards.',
  shard: 'Makes only shard i of n, counted from 0, as i/n; auto: as Slurm or Kubernetes says.',
  shards: 'Number of shards, where Slurm or Kubernetes says which one this is.',
  link: 'Print a result link: full (with every sample; also --link alone) or short (a claim that fits a chat).',
  page: 'Address of the page in the printed link; default http://localhost:4173/.',
  'shard-links': 'Only print this many links, for people who each make a part of the run in their browser.',
  ...FILE_OPTIONS,
  headed: 'Show the browser.',
  help: 'Print this list.',
} as const
type Option = keyof typeof OPTIONS
const PAGE = 'http://localhost:4173/'
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
  if (own['shard-links'] !== undefined) checkLinks(own, own['shard-links'])
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
  const files = readOwnFiles(own)
  return withBrowser(own.headed === 'true', async ({ context }, url) => {
    const { page } = await openPage(context, url)
    await page.exposeFunction('spqrProgress', progressPrinter())
    for (const line of await giveFiles(page, files, parameters)) console.error(line)
    if (own['shard-links'] !== undefined) return printShardLinks(page, parameters, own['shard-links'], own.page ?? PAGE)
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
      console.log(`${own.page ?? PAGE}${fragment}`)
    }
    if (isComplete(report)) return 0
    console.error('The Report is incomplete: not every axis has a number, or images are missing.')
    return 1
  })
}

await command(main)
