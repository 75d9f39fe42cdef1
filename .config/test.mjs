/**
 * `npm test`: its own set-up, then types, lint, unit, real-browser and end-to-end tests; at the end what failed, where the
 * time went, and one count. What takes one core runs beside something else that does.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { root, setup } from './setup.mjs'
import { playwrightTimes, timesTable, vitestTimes } from './testTimes.mjs'

const begun = performance.now()
setup()
const { ensureChromium } = await import('./chromium.mjs')
process.env.CHROMIUM_PATH = ensureChromium()
// Minutes of processes beside a Redis: run with the unit tests alone, or when asked for.
process.env.SPQR_FARM ??= 'no'
mkdirSync('test-results', { recursive: true })

/** How long the output of a command that has ended is waited for. */
const LAST_OUTPUT_MS = 5_000
const totals = { passed: 0, failed: 0 }
const seconds = (since) => (performance.now() - since) / 1000
const stages = [{ name: 'set-up', seconds: seconds(begun), ok: true }]
const tests = []

/** Whether a command ended well. Where others run beside it, each of its lines begins with its name. */
function ends(name, [command, ...args], beside) {
  return new Promise((resolve) => {
    const stdio = beside ? ['ignore', 'pipe', 'pipe'] : 'inherit'
    const child = spawn(command, args, { cwd: root, stdio, shell: process.platform === 'win32' })
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface(stream).on('line', (line) => console.log(`${name} | ${line}`))
    }
    child.on('error', (error) => {
      console.error(`${name}: ${error.message}`)
      resolve(false)
    })
    child.on('exit', (code) => {
      // The last of its output follows; what it left running may keep the pipe open for ever.
      const waiting = setTimeout(() => resolve(code === 0), LAST_OUTPUT_MS)
      child.on('close', () => {
        clearTimeout(waiting)
        resolve(code === 0)
      })
    })
  })
}
/** One stage: what it prints, what it counts, how long it takes. Without a report it counts as one. */
async function stage({ name, command, report }, beside) {
  console.log(`\n== ${name}`)
  const since = performance.now()
  if (report) rmSync(report.file, { force: true })
  const ok = await ends(name, command, beside)
  if (beside) console.log(`\n== ${name}: ${ok ? 'done' : 'FAILED'} in ${seconds(since).toFixed(0)} s`)
  let counts = { passed: Number(ok), failed: Number(!ok) }
  if (report) {
    try {
      const read = JSON.parse(readFileSync(report.file, 'utf8'))
      counts = report.count(read)
      tests.push(...report.times(read))
    } catch {
      counts = { passed: 0, failed: 1 }
    }
    if (counts.passed + counts.failed === 0 || (!ok && counts.failed === 0)) counts.failed += 1
  }
  stages.push({ name, seconds: seconds(since), ok: counts.failed === 0 })
  totals.passed += counts.passed
  totals.failed += counts.failed
  return ok
}
/** Lanes side by side, the stages of a lane one after another. */
const abreast = (...lanes) =>
  Promise.all(
    lanes.map(async (lane) => {
      for (const one of lane) await stage(one, lanes.length > 1)
    }),
  )

function vitest(name, ...more) {
  const file = `test-results/${name}.json`
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  return {
    name,
    command: ['npx', 'vitest', 'run', '--project', name, ...more, ...reporters],
    report: {
      file,
      count: (json) => ({ passed: json.numPassedTests, failed: json.numFailedTests }),
      times: (json) => vitestTimes(json, root),
    },
  }
}
// Vitest leaves a core to itself, which is half of a machine of two.
const unit = (workers) => vitest('unit', `--maxWorkers=${workers}`)
const browser = vitest('browser')
const build = { name: 'build', command: ['npx', 'vite', 'build', '--logLevel', 'warn'] }
const types = { name: 'types', command: ['node', '.config/check.mjs'] }
const lint = { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] }
const endToEnd = {
  name: 'end to end',
  command: ['npx', 'playwright', 'test', '-c', 'tests/playwright.config.ts'],
  report: {
    file: 'test-results/e2e.json',
    count: ({ stats }) => ({ passed: stats.expected + stats.flaky, failed: stats.unexpected }),
    times: playwrightTimes,
  },
}

const cores = availableParallelism()
if (cores >= 4) await abreast([browser], [types, lint, build], [unit(cores - 2)])
else {
  if (cores > 1) await abreast([browser], [types, lint, build])
  else await abreast([types, lint, build, browser])
  await stage(unit('100%'), false)
}
await stage(endToEnd, false)

console.log(`\n${timesTable(stages, tests, seconds(begun))}`)
console.log(`\n${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed === 0 ? 0 : 1)
