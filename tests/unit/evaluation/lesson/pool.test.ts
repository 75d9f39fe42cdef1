/** A class of 25 as one experiment: pooled shares, their interval, and what is refused. */
import { expect, test } from 'vitest'
import { createGenerator } from '../../../../src/core/statistics'
import { ENOUGH_STUDENTS, pooledShare, pooledStage, withTally } from '../../../../src/evaluation/lesson/pool'
import { tallyOfClaim, tallyOfReport, type Tally } from '../../../../src/evaluation/lesson/tally'
import { readLinkParts } from '../../../../src/evaluation/share/mangled'
import { decodeShortLink, encodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { harness, pack } from '../harness'

const student = (seed: number) =>
  harness().start(
    createRunSpec(
      { preset: 'smoke', train: 'lite', 'train-steps': 20, checkpoints: [10], 'train-seed': seed, n: 8, 'n-benign': 8 },
      pack,
    ),
  )
const claimOf = async (seed: number) =>
  decodeShortLink(readLinkParts(encodeShortLink(await student(seed), 'pictogram', pack)))

/** A tally as a student with this seed would send it. */
const tally = (seed: number, flagged: number, n = 32, recipe = 'one'): Tally => ({
  source: `student ${seed}`,
  run: String(seed).padStart(32, '0'),
  recipe,
  seed,
  counts: { base: [30, n], aligned: [4, n], fineTuned: [flagged, n], flips: [flagged, 0], failed: 0 },
  commitment: String(seed),
  recomputable: false,
})

/** Binomial draws around a share of each student's own: students differ by more than chance. */
function classOf(seed: number, students: number, share: number, spread: number): [number, number][] {
  const random = createGenerator(1000 + seed)
  return Array.from({ length: students }, () => {
    const own = Math.min(1, Math.max(0, share + spread * random.normal()))
    return [Array.from({ length: 32 }, () => random.uniform()).filter((u) => u < own).length, 32]
  })
}

test('25 students pool to the share of all their pictures, with an interval over students', () => {
  let pool: Tally[] = []
  const counts = classOf(7, 25, 0.4, 0.1)
  for (const [i, [flagged]] of counts.entries()) pool = withTally(pool, tally(i + 1, flagged))
  const { flagged, images, students, score, told } = pooledStage(pool, 'fineTuned')
  const sum = counts.reduce((total, [x]) => total + x, 0)
  expect([flagged, images, students, told]).toEqual([sum, 800, 25, true])
  expect(score.value).toBeCloseTo((100 * sum) / 800, 10)
  expect(score.low).toBeLessThan(score.value ?? 0)
  expect(score.high).toBeGreaterThan(score.value ?? 0)
  // Students who differ make it wider than 800 independent pictures would be: ±3.4 points at 40 %.
  expect((score.high ?? 0) - (score.low ?? 0)).toBeGreaterThan(6.8)
  expect(pooledStage(pool, 'aligned').score.value).toBeCloseTo(12.5, 10)
})

test('the interval holds the true share of other classes of 25 about as often as it says', () => {
  let held = 0
  const classes = 120
  for (let seed = 1; seed <= classes; seed++) {
    const { score } = pooledShare(classOf(seed, 25, 0.4, 0.1))
    if ((score.low ?? 0) <= 40 && (score.high ?? 0) >= 40) held++
  }
  // 95 % of 120 is 114; three standard errors are 7.
  expect(held).toBeGreaterThanOrEqual(107)
})

test('few students, none and all flagged: no false precision', () => {
  const few = pooledShare(classOf(1, ENOUGH_STUDENTS - 1, 0.4, 0.1))
  expect([few.told, few.score.low, few.score.high]).toEqual([false, 0, 100])
  const none = pooledShare(Array.from({ length: 25 }, () => [0, 32] as const))
  expect([none.score.value, none.score.low]).toEqual([0, 0])
  expect(none.score.high).toBeGreaterThan(10)
  const all = pooledShare(Array.from({ length: 25 }, () => [32, 32] as const))
  expect([all.score.value, all.score.high]).toEqual([100, 100])
  expect(all.score.low).toBeLessThan(90)
  expect(pooledShare([])).toMatchObject({ images: 0, told: false, score: { value: null } })
})

test('a link and a report of one run are one student, and the one with samples stays', async () => {
  const report = await student(5)
  const linked = tallyOfClaim(
    decodeShortLink(readLinkParts(encodeShortLink(report, 'pictogram', pack))),
    pack,
    'link 1',
  )
  const whole = tallyOfReport(report, 'anna.json')
  expect(linked).toEqual({ ...whole, source: 'link 1', recomputable: false })
  expect(withTally([linked], whole)).toEqual([whole])
  expect(() => withTally([whole], linked)).toThrow(
    'The tally "link 1" is of the same student as "anna.json" (seed 5), so it is counted once.',
  )
})

test('runs that differ in their training seed alone pool; another setting is refused by name', async () => {
  const [first, second] = [await claimOf(1), await claimOf(2)].map((claim, i) =>
    tallyOfClaim(claim, pack, `link ${i + 1}`),
  )
  expect([first?.seed, second?.seed, first?.recipe === second?.recipe]).toEqual([1, 2, true])
  const other = await harness().start(
    createRunSpec({ preset: 'smoke', train: 'lite', 'train-steps': 30, checkpoints: [10], 'train-seed': 3 }, pack),
  )
  expect(() => withTally([first!], tallyOfReport(other, 'ben.json'))).toThrow(
    'The tally "ben.json" was made with other settings than "link 1", so the two cannot be pooled.',
  )
})

test('two tallies of one student that say different things: the first counts, in one sentence', () => {
  expect(() => withTally([tally(3, 9)], { ...tally(3, 11), source: 'link 9' })).toThrow(
    'The tallies "student 3" and "link 9" are of one student (seed 3) and say different things, so only the first is counted.',
  )
})

test('a tally whose settings give another run than its hash is refused, and one of another pack', async () => {
  const claim = await claimOf(1)
  expect(() => tallyOfClaim({ ...claim, run: 'f'.repeat(32) }, pack, 'link 4')).toThrow(
    'The tally "link 4" contradicts its hash',
  )
  expect(() => tallyOfClaim({ ...claim, manifestSha256: '0'.repeat(16) }, pack, 'link 4')).toThrow(
    'was made with another version of the model than this page has',
  )
})
