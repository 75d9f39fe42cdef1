/** A LoRA on every weight of a U-Net of 1 GiB: the engine's merge streams, so that the model is never in memory twice. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

interface Merged {
  bytes: number
  merged: number
  before: number
  peakBytes: number
  error: number
}

// A process of its own, because a peak is told of a whole process; the merged copy itself is in that process's memory.
test('a merge into 1 GiB is right, and takes less than 1.5 times the model at its peak', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'tests/helpers/mergeLarge.ts'], {
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  const { bytes, merged, peakBytes, error } = JSON.parse(stdout) as Merged
  expect(bytes).toBe(2 ** 30)
  expect(merged).toBe(bytes)
  expect(error).toBe(0)
  expect(peakBytes / bytes).toBeLessThan(1.5)
}, 300_000)
