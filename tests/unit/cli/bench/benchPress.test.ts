import { expect, test } from 'vitest'
import { pressLines, type Press } from '../../../../src/cli/bench/benchPress'

const press = (warmed: boolean | null): Press => ({
  ...{ pictureSeconds: 1, findingSeconds: 2, endSeconds: 3, longTasks: 0, longestTaskMs: 0 },
  warmed,
})
const lines = (warmed: boolean) => pressLines({ first: press(null), cached: press(null), rested: press(warmed) })

test('a page that did not load the model by itself is not called rested', () => {
  expect(lines(true)[2]).toMatch(/^cached, pressed at rest: from the button 1\.0 s/)
  expect(lines(false)[2]).toMatch(/^cached, but not warmed: the page had not loaded the model by itself in 600 s: from/)
})
