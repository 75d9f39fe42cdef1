/**
 * `npm run evaluate -- --preset quick --method uce --profile lite --out report.json`: opens the page headless, runs one
 * evaluation in it, prints the table and writes the Report. Exit status 0 only for a complete Report, 1 for any other,
 * 2 for a wrong command line.
 */
import { writeFileSync } from 'node:fs'
import { SpqrError, reviveError, type Report } from '../core/contracts'
import { PARAMETERS, argumentPairs, parseParameters, unknownSentence } from '../evaluation/params'
import { isComplete, type ScriptProgress } from '../evaluation/runApi'
import { ensureBuild, inPage, openBrowser, openPage, serve } from './page'
import { reportTable } from './table'

/** Options of the command itself; all others are the run's. */
const OPTIONS = {
  out: 'File the Report is written to.',
  link: 'Print the result link.',
  page: 'Address of the page in the printed link; default http://localhost:4173/.',
  headed: 'Show the browser.',
  help: 'Print this list.',
} as const
type Option = keyof typeof OPTIONS

function help(): string {
  const option = (name: string, comment: string, fallback: unknown) =>
    `  --${name.padEnd(16)} ${comment}${fallback === null || fallback === undefined || String(fallback) === '' ? '' : ` Default ${String(fallback)}.`}`
  return [
    'npm run evaluate -- [options]', '',
    ...Object.entries(OPTIONS).map(([name, comment]) => option(name, comment, null)), '',
    ...Object.entries(PARAMETERS).map(([name, { comment, default: fallback }]) => option(name, comment, fallback)),
  ].join('\n')
}

/** Own options and the run's parameters as texts; throws BAD_INPUT for anything that is neither. */
function readArguments(argv: readonly string[]): { own: Partial<Record<Option, string>>; parameters: Record<string, string> } {
  const own: Partial<Record<Option, string>> = {}
  const parameters: Record<string, string> = {}
  for (const [name, text] of argumentPairs(argv)) {
    if (Object.hasOwn(OPTIONS, name)) own[name as Option] = text
    else parameters[name] = text
  }
  const sentence = unknownSentence(parseParameters(Object.entries(parameters)).unknown)
  if (sentence !== null) throw new SpqrError('BAD_INPUT', sentence, '--help lists them all.')
  if (own.out === '') throw new SpqrError('BAD_INPUT', '"--out" needs a file name.')
  return { own, parameters }
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
      console.error(`${done + failed} of ${planned} images${failed > 0 ? `, ${failed} failed` : ''}, ${imagesPerSecond?.toFixed(2) ?? '–'} images/s, ${secondsLeft?.toFixed(0) ?? '–'} s left`)
    }
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { own, parameters } = readArguments(argv)
  if (own.help !== undefined) {
    console.log(help())
    return 0
  }
  ensureBuild()
  const served = await serve()
  try {
    const browser = await openBrowser(own.headed !== undefined)
    try {
      const { page } = await openPage(browser.context, served.url)
      await page.exposeFunction('spqrProgress', progressPrinter())
      const report = await inPage<Report>(page, `globalThis.spqr.evaluate(${JSON.stringify(parameters)}, (progress) => globalThis.spqrProgress(progress))`)
      console.log(reportTable(report))
      if (own.out !== undefined) writeFileSync(own.out, `${JSON.stringify(report, null, 1)}\n`)
      if (own.link !== undefined) {
        const fragment = await inPage<string>(page, `globalThis.spqr.link(${JSON.stringify(report)})`)
        console.log(`${own.page ?? 'http://localhost:4173/'}${fragment}`)
      }
      if (isComplete(report)) return 0
      console.error('The Report is incomplete: not every axis has a number, or images are missing.')
      return 1
    } finally {
      await browser.close()
    }
  } finally {
    await served.close()
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status
}, (thrown: unknown) => {
  const error = reviveError(thrown)
  console.error([error.message, error.hint].filter((part) => part !== '').join('\n'))
  process.exitCode = error.code === 'BAD_INPUT' ? 2 : 1
})
