/** `npm test`: its own set-up, then types, lint, unit, real-browser and end-to-end tests; one count at the end. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { run, setup } from './setup.mjs'

setup()
const { ensureChromium } = await import('./chromium.mjs')
process.env.CHROMIUM_PATH = ensureChromium()
// Minutes of processes beside a Redis: run with the unit tests alone, or when asked for.
process.env.SPQR_FARM ??= 'no'
mkdirSync('test-results', { recursive: true })

const totals = { passed: 0, failed: 0 }
function step(name, command, args, env = {}) {
  console.log(`\n== ${name}`)
  const ok = run(command, args, { env: { ...process.env, ...env } }) === 0
  return ok
}
function single(name, command, args) {
  if (step(name, command, args)) totals.passed += 1
  else totals.failed += 1
}
function counted(name, command, args, file, read, env) {
  rmSync(file, { force: true })
  const ok = step(name, command, args, env)
  let counts = { passed: 0, failed: 0 }
  try {
    counts = read(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    counts.failed = 1
  }
  if (counts.passed + counts.failed === 0 || (!ok && counts.failed === 0)) counts.failed += 1
  totals.passed += counts.passed
  totals.failed += counts.failed
}
const vitest = (json) => ({ passed: json.numPassedTests, failed: json.numFailedTests })
const playwright = (json) => ({ passed: json.stats.expected + json.stats.flaky, failed: json.stats.unexpected })

single('types', 'node', ['.config/check.mjs'])
single('lint', 'npm', ['run', '--silent', 'lint'])
// Vitest leaves a core to itself, which is half of a machine of two.
const CORES = { unit: ['--maxWorkers=100%'], browser: [] }
for (const project of ['unit', 'browser']) {
  const file = `test-results/${project}.json`
  counted(
    project,
    'npx',
    [
      'vitest',
      'run',
      '--project',
      project,
      ...CORES[project],
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ],
    file,
    vitest,
  )
}
single('build', 'npx', ['vite', 'build', '--logLevel', 'warn'])
counted(
  'end to end',
  'npx',
  ['playwright', 'test', '-c', 'tests/playwright.config.ts'],
  'test-results/e2e.json',
  playwright,
)

console.log(`\n${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed === 0 ? 0 : 1)
