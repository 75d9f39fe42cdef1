/** The table at the end of `npm test` names what took longest and what failed, from both kinds of report. */
import { expect, test } from 'vitest'
import { playwrightTimes, timesTable, vitestTimes } from '../../.config/testTimes.mjs'

const vitest = {
  testResults: [
    {
      name: '/repo/tests/unit/a.test.ts',
      assertionResults: [
        { fullName: 'group adds', duration: 1500, status: 'passed' },
        { fullName: 'skipped', duration: null, status: 'skipped' },
      ],
    },
  ],
}
const playwright = {
  suites: [
    {
      specs: [
        {
          title: 'opens',
          file: 'page.spec.ts',
          ok: true,
          tests: [{ results: [{ duration: 2000 }, { duration: 500 }] }],
        },
      ],
      suites: [
        { specs: [{ title: 'trains', file: 'page.spec.ts', ok: false, tests: [{ results: [{ duration: 9000 }] }] }] },
      ],
    },
  ],
}

test('tests of both reports are found, in groups too, and tries of one test add up', () => {
  expect(vitestTimes(vitest, '/repo')).toEqual([
    { seconds: 1.5, file: 'tests/unit/a.test.ts', name: 'group adds', failed: false },
    { seconds: 0, file: 'tests/unit/a.test.ts', name: 'skipped', failed: false },
  ])
  expect(playwrightTimes(playwright)).toEqual([
    { seconds: 2.5, file: 'tests/e2e/page.spec.ts', name: 'opens', failed: false },
    { seconds: 9, file: 'tests/e2e/page.spec.ts', name: 'trains', failed: true },
  ])
})

test('the table has every stage, the slowest tests first, and what failed', () => {
  const stages = [
    { name: 'unit', seconds: 61.04, ok: true },
    { name: 'end to end', seconds: 700, ok: false },
  ]
  const lines = timesTable(stages, [...vitestTimes(vitest, '/repo'), ...playwrightTimes(playwright)], 720, 2).split(
    '\n',
  )
  expect(lines).toEqual([
    'Stages:',
    '    61.0 s  unit',
    '   700.0 s  end to end: FAILED',
    '   720.0 s  in all',
    'Slowest tests:',
    '     9.0 s  tests/e2e/page.spec.ts: trains',
    '     2.5 s  tests/e2e/page.spec.ts: opens',
    'Failed tests:',
    '     9.0 s  tests/e2e/page.spec.ts: trains',
  ])
})
