/** A shard link in the page: what it asks for, and the file it gives back. */
import { describe, expect, test } from 'vitest'
import { readShardText, ShardCheck } from '../../../../src/core/shards'
import { defaultParameters } from '../../../../src/evaluation/spec/params'
import { runEvaluation } from '../../../../src/evaluation/run/run'
import { runId } from '../../../../src/evaluation/spec/spec'
import { Route } from '../../../../src/state/page/route.svelte'
import { askedShard, ShardWork } from '../../../../src/state/run/shardWork.svelte'
import type { RunRequest } from '../../../../src/state/run/runner.svelte'
import { harness, pack, smoke } from '../../evaluation/harness'

const RUN = runId(smoke).slice(0, 12)
const request: RunRequest = {
  packName: 'fixture',
  device: { executionProvider: 'wasm', threads: 1 },
  batchSize: 4,
  options: defaultParameters(),
}

/** The page beside a fake engine; `images` counts what it makes. */
function pageAt(fragment: string) {
  const stop = new AbortController()
  const made: { engine: { images: number } | null } = { engine: null }
  const work = new ShardWork({
    route: new Route(fragment),
    stop: () => stop.abort(),
    evaluate: ({ shard }, onEvent) => {
      const { engine, ports } = harness({ shard })
      made.engine = engine
      return runEvaluation(stop.signal, ports, pack, smoke, onEvent).catch((thrown: unknown) => {
        if (stop.signal.aborted) return null
        throw thrown
      })
    },
  })
  return { work, made }
}

describe('what a link asks for', () => {
  test('is a part of a run', () => {
    expect(askedShard(`shard-2-of-8-${RUN}`)).toEqual({ shard: { index: 2, count: 8 }, run: RUN })
    expect(askedShard(null)).toBeNull()
    expect(askedShard('formula-r')).toBeNull()
  })
  test.each([
    ['shard-8-of-8-0123456789ab', 'only 0 to 7'],
    ['shard-2-of-8', 'The link to a part of a run is damaged.'],
    ['shard-2-of-8-0123', 'The link to a part of a run is damaged.'],
    ['shard-x', 'The link to a part of a run is damaged.'],
  ])('and %s is refused in one sentence', async (anchor, why) => {
    const { work } = pageAt(`#run/${anchor}`)
    expect(work.asked).toBeNull()
    expect(() => work.check()).toThrow(why)
    await expect(work.make(request)).rejects.toThrow(why)
  })
})

test('the parts of all people are shards that belong together', async () => {
  const check = new ShardCheck()
  for (const index of [0, 1, 2]) {
    const { work } = pageAt(`#run/shard-${index}-of-3-${RUN}`)
    expect(work.file).toBeNull()
    await work.make(request)
    const { file } = readShardText(JSON.stringify(work.file), 'a part')
    expect(file?.shard).toMatchObject({ index, count: 3 })
    if (file) check.add(`${index}.json`, file)
  }
  expect(check.finish()).toEqual([])
})

test('a page that specifies another run refuses before it makes a picture', async () => {
  const { work, made } = pageAt('#run/shard-0-of-3-0123456789ab')
  await expect(work.make(request)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: 'This page would make another run than the one that the link asks for.',
  })
  expect(made.engine?.images).toBe(0)
  expect(work.file).toBeNull()
})
