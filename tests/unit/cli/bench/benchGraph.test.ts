import { expect, test } from 'vitest'
import { readTimed } from '../../../../src/cli/bench/benchGraph'

const timed = { version: '1.31', loadSeconds: 0.5, seconds: [0.1, 0.2], output: [1, -2] }

test('a timing is read; anything else says why it is none, and no ratio comes from it', () => {
  expect(readTimed('native', JSON.stringify(timed))).toEqual(timed)
  expect(readTimed('native', JSON.stringify({ ...timed, seconds: [] }))).toMatch(
    /^native returned no timing: "seconds"/,
  )
  expect(readTimed('native', '{"version": NaN}')).toBe('native returned no timing: it is no valid JSON')
  expect(readTimed('native', JSON.stringify({ ...timed, seconds: ['0.1'] }))).toContain('"seconds › entry 1"')
})
