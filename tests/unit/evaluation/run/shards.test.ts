/** Runs made in shards, each with an engine and a store of its own, merge to the Report of one machine. */
import { describe, expect, test } from 'vitest'
import type { RunSpec, ShardFile } from '../../../../src/core/contracts'
import { mergeRecords, scoreRecord } from '../../../../src/core/scoring'
import { isOwn, ShardCheck, shardFile } from '../../../../src/core/shards'
import { plan } from '../../../../src/evaluation/plan/plan'
import { canariesOf, unitsOfShard } from '../../../../src/evaluation/plan/shardPlan'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { referenceFeatures } from '../fixture'
import { comparable, harness, live, pack, smoke } from '../harness'

const repeated = createRunSpec(
  { preset: 'smoke', n: 12, 'n-benign': 16, repeats: 3, train: 'none', profile: 'none' },
  pack,
)

async function inShards(spec: RunSpec, count: number): Promise<ShardFile[]> {
  const files: ShardFile[] = []
  for (let index = 0; index < count; index++) {
    const shard = { index, count }
    const { start, events } = harness({ shard })
    const { record } = await start(spec)
    const planned = events.flatMap((event) => (event.type === 'plan' ? [event.units] : []))[0] ?? []
    const canaries = new Set(canariesOf(planned).map(({ id }) => id))
    files.push(shardFile(record, shard, planned.filter((unit) => isOwn(unit, shard)).length, canaries))
  }
  return files
}

const merged = (files: readonly ShardFile[]) =>
  mergeRecords(files.map(({ record }, i) => ({ name: `${i}.json`, record }))).record

describe.each([
  ['a fine-tune of the pack', smoke],
  ['a live fine-tune with checkpoints', live],
  ['several seeds a prompt and no fine-tune', repeated],
])('%s', (_, spec) => {
  const units = plan(spec, pack.prompts)

  test('has the same canaries whichever shard looks, in the order of the plan', () => {
    const canaries = canariesOf(units)
    expect(canaries).toHaveLength(4)
    for (const index of [0, 1, 2]) {
      const part = unitsOfShard(units, { index, count: 3 })
      expect(canariesOf(part)).toEqual(canaries)
      expect(part).toEqual(units.filter((unit) => part.includes(unit)))
    }
    expect(new Set(canaries.map(({ stage }) => stage))).toEqual(new Set(units.map(({ stage }) => stage)))
  })

  test.each([1, 3, 16])('merges from %d shards to the same Report, bit for bit', async (count) => {
    const whole = await harness().start(spec)
    const files = await inShards(spec, count)
    const check = new ShardCheck()
    files.forEach((file, i) => check.add(`${i}.json`, file))
    expect(check.finish()).toEqual([])
    expect(files.reduce((total, { shard }) => total + shard.planned, 0)).toBe(units.length)
    const record = merged(files)
    expect(record.planned).toBe(units.length)
    const canonical = merged([{ record: whole.record } as ShardFile])
    expect({ ...record, createdAt: '', timings: null }).toEqual({ ...canonical, createdAt: '', timings: null })
    const report = scoreRecord(record, spec.scoring, referenceFeatures(), 50)
    expect(comparable(report)).toEqual(comparable(scoreRecord(canonical, spec.scoring, referenceFeatures(), 50)))
    // The order of the outcomes alone differs from what the machine itself reported.
    const scores = ({ record: made, ...rest }: typeof report) =>
      comparable({ ...rest, record: { ...made, outcomes: [] } })
    expect(scores(report)).toEqual(scores(whole))
  })
})

test('a shard makes its own pictures and the canaries, no other', async () => {
  const shard = { index: 1, count: 4 }
  const { start, engine } = harness({ shard })
  await start(smoke)
  expect(engine.images).toBe(unitsOfShard(plan(smoke, pack.prompts), shard).length)
})

test('a second shard on the same machine makes no canary again', async () => {
  const { ports, engine } = harness()
  const { start } = harness({ ...ports, shard: { index: 0, count: 4 } })
  await start(smoke)
  const before = engine.images
  await harness({ ...ports, shard: { index: 1, count: 4 } }).start(smoke)
  const units = plan(smoke, pack.prompts)
  const canaries = new Set(canariesOf(units).map(({ id }) => id))
  const own = units.filter((unit) => isOwn(unit, { index: 1, count: 4 }) && !canaries.has(unit.id))
  expect(engine.images - before).toBe(own.length)
})
