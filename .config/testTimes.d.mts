export interface TimedTest {
  seconds: number
  file: string
  name: string
  failed: boolean
}
export function vitestTimes(report: unknown, root: string): TimedTest[]
export function playwrightTimes(report: unknown): TimedTest[]
export function timesTable(
  stages: readonly { name: string; seconds: number; ok: boolean }[],
  tests: readonly TimedTest[],
  total: number,
  slowest?: number,
): string
