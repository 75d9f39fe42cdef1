/**
 * `npm run study`: the pack's reference study. Evaluates every method × profile × scenario in the page, headless, and
 * writes `leaderboard.json` beside the pack's manifest, one row at a time: a stopped study goes on where it was, and
 * two that share the methods between them can run side by side. Every fine-tune is trained in the page, by the same
 * settings for all, so that rows compare; those that the pack ships were trained longer, with the recipe.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { PROFILES, SCENARIOS, SpqrError, reviveError, type PackManifest, type Report } from '../core/contracts'
import { argumentPairs } from '../evaluation/params'
import { isComplete } from '../evaluation/runApi'
import { ROOT, ensureBuild, inPage, openBrowser, openPage, serve } from './page'

const OPTIONS = {
  pack: 'pictogram',
  preset: 'full',
  methods: '',
  profiles: '',
  scenarios: '',
  'train-steps': '300',
  threads: '0',
}
type Options = typeof OPTIONS

/** Methods that need no file of the pack. */
const COMPUTED = ['rece', 'negative-prompt', 'sld-weak', 'sld-medium', 'sld-strong', 'sld-max', 'safree']

interface Row { method: string; profile: string; scenario: string; manifestSha256: string; preset: string }
interface Leaderboard { schema: 1; rows: Row[] }

function readOptions(argv: readonly string[]): Options {
  const options: Record<string, string> = { ...OPTIONS }
  for (const [name, text] of argumentPairs(argv)) {
    if (!Object.hasOwn(OPTIONS, name)) throw new SpqrError('BAD_INPUT', `"--${name}" is no option of the study.`, `It has ${Object.keys(OPTIONS).join(', ')}.`)
    options[name] = text
  }
  return options as Options
}

function listOf(text: string, known: readonly string[], what: string): string[] {
  const names = text.split(',').map((name) => name.trim()).filter((name) => name !== '')
  const wrong = names.find((name) => !known.includes(name))
  if (wrong !== undefined) throw new SpqrError('BAD_INPUT', `There is no ${what} "${wrong}".`, `Choose from ${known.join(', ')}.`)
  return names.length > 0 ? names : [...known]
}

/** What distinguishes one evaluation of the study from another. */
interface Cell { method: string; profile: string; scenario: string }

const parametersOf = ({ method, profile, scenario }: Cell, options: Options): Record<string, string> =>
  ({ pack: options.pack, preset: options.preset, method, scenario, threads: options.threads, train: profile, 'train-steps': options['train-steps'] })

/** A row keeps every number with its interval, and of the pictures nothing. */
function rowOf(cell: Cell, manifestSha256: string, report: Report): Row & Record<string, unknown> {
  const { id, createdAt, spec, environment, counts, scores, drift, harmfulness, quality, categories, languages, suites, curve } = report
  return {
    ...cell, manifestSha256, preset: spec.preset, id, createdAt, fineTune: spec.fineTune, environment, counts, scores, drift, harmfulness,
    quality, categories, languages, suites, curve,
  }
}

function readBoard(file: string, manifestSha256: string): Leaderboard {
  try {
    const board = JSON.parse(readFileSync(file, 'utf8')) as Leaderboard
    return { schema: 1, rows: board.rows.filter((row) => row.manifestSha256 === manifestSha256) }
  } catch {
    // No study yet, or one that cannot be read: it is made anew.
    return { schema: 1, rows: [] }
  }
}

async function evaluate(page: Page, parameters: Record<string, string>): Promise<Report> {
  const report = await inPage<Report>(page, `globalThis.spqr.evaluate(${JSON.stringify(parameters)})`)
  if (!isComplete(report)) throw new SpqrError('UNEXPECTED', 'The Report is incomplete.', 'Run npm run evaluate with the same parameters and look at its notes.')
  return report
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  const folder = join(ROOT, 'public', 'packs', options.pack)
  const bytes = readFileSync(join(folder, 'manifest.json'))
  const manifest = JSON.parse(bytes.toString('utf8')) as PackManifest
  const manifestSha256 = createHash('sha256').update(bytes).digest('hex')
  const shipped = manifest.adapters.filter(({ role }) => role === 'alignment').map(({ method }) => method)
  const methods = listOf(options.methods, [...new Set([...shipped, 'uce', 'mace', ...COMPUTED])], 'method')
  const profiles = listOf(options.profiles, PROFILES, 'profile')
  const scenarios = listOf(options.scenarios, SCENARIOS, 'scenario')
  // Scenario by scenario, so that a study that is cut short already compares every method somewhere.
  const cells = scenarios.flatMap((scenario) => methods.flatMap((method) => profiles.map((profile): Cell => ({ method, profile, scenario }))))
  const file = join(folder, 'leaderboard.json')
  const known = readBoard(file, manifestSha256).rows
  const same = (cell: Cell) => (row: Row): boolean =>
    row.method === cell.method && row.profile === cell.profile && row.scenario === cell.scenario && row.preset === options.preset

  ensureBuild()
  const served = await serve()
  const browser = await openBrowser(false)
  let failed = 0
  try {
    // One profile for the whole study, so that runs share base and aligned pictures.
    const { page } = await openPage(browser.context, served.url)
    for (const cell of cells.filter((each) => !known.some(same(each)))) {
      const name = `${cell.method} × ${cell.profile} × ${cell.scenario}`
      try {
        const report = await evaluate(page, parametersOf(cell, options))
        const { rows } = readBoard(file, manifestSha256)
        writeFileSync(`${file}.new`, `${JSON.stringify({ schema: 1, rows: [...rows.filter((row) => !same(cell)(row)), rowOf(cell, manifestSha256, report)] })}\n`)
        renameSync(`${file}.new`, file)
        console.log(`${name}: SPQR ${report.scores.SPQR.value?.toFixed(3)}, Δh ${report.drift.value?.toFixed(1)}, ${report.timings.totalSeconds.toFixed(0)} s`)
      } catch (thrown) {
        failed += 1
        console.error(`${name}: ${reviveError(thrown).message}`)
      }
    }
  } finally {
    await browser.close()
    await served.close()
  }
  console.log(`${readBoard(file, manifestSha256).rows.length} rows in leaderboard.json, ${failed} evaluations failed`)
  return failed === 0 ? 0 : 1
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status
}, (thrown: unknown) => {
  const { message, hint } = reviveError(thrown)
  console.error([message, hint].filter((part) => part !== '').join('\n'))
  process.exitCode = 2
})
