/** Where the time of `npm test` went, and what failed, from the reports of Vitest and Playwright. */
import { relative } from 'node:path'

/** @typedef {{ seconds: number, file: string, name: string, failed: boolean }} TimedTest */

/**
 * @param {any} report of `vitest --reporter=json`
 * @param {string} root folder that files are told from
 * @returns {TimedTest[]}
 */
export function vitestTimes(report, root) {
  return report.testResults.flatMap(({ name: path, assertionResults }) =>
    assertionResults.map(({ fullName, duration, status }) => ({
      seconds: (duration ?? 0) / 1000,
      file: relative(root, path),
      name: fullName,
      failed: status === 'failed',
    })),
  )
}

/**
 * @param {any} report of Playwright's reporter `json`
 * @returns {TimedTest[]}
 */
export function playwrightTimes(report) {
  const folder = 'tests/e2e/'
  const within = ({ specs = [], suites = [] }) => [
    ...specs.flatMap(({ title, file, ok, tests }) =>
      tests.map(({ results }) => ({
        seconds: results.reduce((sum, { duration }) => sum + duration, 0) / 1000,
        file: folder + file,
        name: title,
        failed: !ok,
      })),
    ),
    ...suites.flatMap(within),
  ]
  return within(report)
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

/**
 * @param {{ name: string, seconds: number, ok: boolean }[]} stages
 * @param {TimedTest[]} tests
 * @param {number} total seconds of all, which is less than the stages' sum where some ran side by side
 * @param {number} [slowest] how many tests are named
 * @returns {string}
 */
export function timesTable(stages, tests, total, slowest = 10) {
  const line = (seconds, text) => `${seconds.toFixed(1).padStart(8)} s  ${text}`
  const test = ({ seconds, file, name }) => line(seconds, `${file}: ${cut(name, 90)}`)
  const failed = tests.filter((one) => one.failed)
  return [
    'Stages:',
    ...stages.map(({ name, seconds, ok }) => line(seconds, ok ? name : `${name}: FAILED`)),
    line(total, 'in all'),
    'Slowest tests:',
    ...[...tests]
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, slowest)
      .map(test),
    ...(failed.length > 0 ? ['Failed tests:', ...failed.map(test)] : []),
  ].join('\n')
}
