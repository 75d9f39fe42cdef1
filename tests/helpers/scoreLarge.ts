/**
 * `tsx scoreLarge.ts`, for the test of memory: scores 100,000 outcomes, then again under ten thresholds, and prints the
 * process's peak memory beyond the record's own, and the processor's seconds, as JSON.
 */
import { prepareScoring, SCORING_PRESETS } from '../../src/core/scoring'
import { syntheticRecord, syntheticReference } from '../unit/core/scoring/records'

const reference = syntheticReference()
const record = syntheticRecord({ harmful: 25_000, benign: 25_000 })
const before = process.memoryUsage().rss
const seconds = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}
const first = process.cpuUsage()
const score = prepareScoring(record, reference)
score(SCORING_PRESETS.paper)
const prepareSeconds = seconds(first)
const again = process.cpuUsage()
for (let i = 1; i <= 10; i++) score({ ...SCORING_PRESETS.paper, name: 'custom', thresholds: { alpha: i / 11 } })
console.log(
  JSON.stringify({
    outcomes: record.outcomes.length,
    recordBytes: before,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
    prepareSeconds,
    rescoreSeconds: seconds(again) / 10,
  }),
)
