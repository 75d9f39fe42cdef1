/** The cut into shards, and what of shards does not belong together. */
import { describe, expect, test } from 'vitest'
import type { RunRecord, ShardFile } from '../../../../src/core/contracts'
import { parseShard, readShardText, ShardCheck, shardFile, shardOf } from '../../../../src/core/shards'
import { syntheticRecord, toFailed } from '../scoring/records'

const record = syntheticRecord({ repeats: 2 })
const canaryIds = new Set(record.outcomes.slice(0, 4).map(({ unitId }) => unitId))
const cut = (index: number, count: number, changes: Partial<RunRecord> = {}, machine?: string): ShardFile => {
  const made = { ...record, ...changes }
  const planned = made.outcomes.filter((outcome) => shardOf(outcome, count) === index).length
  return shardFile(made, { index, count }, planned, canaryIds, machine)
}
const check = (...files: ShardFile[]): string[] => {
  const shards = new ShardCheck()
  files.forEach((file, i) => shards.add(`${'abcdefgh'[i]}.json`, file))
  return shards.finish()
}

describe('the cut', () => {
  test('is SHA-256 of the JSON of prompt and repeat, modulo the number of shards (values by Python)', () => {
    expect(shardOf({ promptId: 'h1', repeat: 0 }, 7)).toBe(2)
    expect(shardOf({ promptId: 'h1', repeat: 1 }, 7)).toBe(6)
    expect(shardOf({ promptId: 'héllo', repeat: 3 }, 1000)).toBe(178)
  })
  test('puts every unit into one shard, and all stages of a prompt together', () => {
    const files = Array.from({ length: 5 }, (_, index) => cut(index, 5))
    expect(files.flatMap(({ record: { outcomes } }) => outcomes)).toHaveLength(record.outcomes.length)
    for (const { record: part } of files) {
      const stages = (stage: string) =>
        part.outcomes.filter((outcome) => outcome.harmful && outcome.stage === stage).map(({ promptId }) => promptId)
      expect(stages('aligned')).toEqual(stages('base'))
      expect(stages('fine-tuned')).toEqual(stages('base'))
    }
  })
  test.each([
    ['5/4', 'of 4 shards there are only 0 to 3'],
    ['4/4', 'of 4 shards there are only 0 to 3'],
    ['0/0', 'a run is cut into 1 to 100000 shards'],
    ['1/999999', 'a run is cut into 1 to 100000 shards'],
    ['1', 'names no shard'],
    ['-1/4', 'names no shard'],
    ['1/4/2', 'names no shard'],
    ['', 'names no shard'],
  ])('refuses %j', (text, why) => {
    expect(() => parseShard(text)).toThrow(why)
  })
  test('reads i/n', () => {
    expect(parseShard('3/4')).toEqual({ index: 3, count: 4 })
  })
})

describe('a file of a shard', () => {
  const file = cut(1, 3)
  test('is read with its record, and any other record is none', () => {
    expect(readShardText(JSON.stringify(file), 'it').file).toEqual(file)
    expect(readShardText(JSON.stringify(record), 'it')).toEqual({ record, file: null })
  })
  test.each([
    [
      'another digit of a score',
      (text: string) => text.replace(/"seed":1000(?!.*"seed":1000)/, '"seed":1001'),
      'seal does not fit',
    ],
    ['a shard beyond the last', (text: string) => text.replace('"index":1', '"index":3'), 'counted from 0'],
    ['an unknown field', (text: string) => text.replace('"shard":{', '"shard":{"x":1,'), 'no such field'],
    ['a cut end', (text: string) => text.slice(0, -40), 'no valid JSON'],
  ])('with %s is refused', (_, change, why) => {
    expect(() => readShardText(change(JSON.stringify(file)), 'it')).toThrow(why)
  })
})

describe('shards together', () => {
  const all = [cut(0, 3), cut(1, 3), cut(2, 3)]
  test('that are all there miss nothing, in any order and twice', () => {
    expect(check(...all)).toEqual([])
    expect(check(...[...all].reverse(), ...all)).toEqual([])
  })
  test('name what is missing', () => {
    expect(check(cut(0, 4), cut(2, 4))).toEqual(['Shards 1, 3 of 4 are missing.'])
    const [, one] = all
    const less = one && { ...one, record: { ...one.record, outcomes: one.record.outcomes.slice(1) } }
    expect(check(...all.filter((file) => file !== one), ...(less ? [less] : []))).toEqual([
      `Shard 1 of 3 has ${(one?.shard.planned ?? 0) - 1} of its ${one?.shard.planned} images.`,
    ])
  })
  const environment = (changes: Partial<RunRecord['environment']>) => ({
    environment: { ...record.environment, ...changes },
  })
  test.each([
    ['page version', environment({ app: '9.9' }), 'another page version: 0 and 9\\.9'],
    ['backend', environment({ executionProvider: 'webgpu' }), 'another backend: wasm and webgpu'],
    ['onnxruntime', environment({ onnxruntime: '2' }), 'another version of onnxruntime'],
    ['precision', environment({ precision: 'float16' }), 'another precision'],
  ])('of another %s are refused in one sentence', (_, changes, why) => {
    expect(() => check(cut(0, 3), cut(1, 3, changes))).toThrow(
      new RegExp(`^a\\.json and b\\.json were made on machines with ${why}`),
    )
  })
  test('of another number of threads are refused where they trained, and only there', () => {
    expect(check(cut(0, 2), cut(1, 2, environment({ threads: 7 })))).toEqual([])
    const spec = { ...record.spec, fineTune: { kind: 'live' } as RunRecord['spec']['fineTune'] }
    expect(() => check(cut(0, 2, { spec }), cut(1, 2, { spec, ...environment({ threads: 7 }) }))).toThrow(
      'another number of threads',
    )
  })
  test('of another cut are refused', () => {
    expect(() => check(cut(0, 3), cut(1, 4))).toThrow('a.json and b.json cut the run into 3 and into 4 shards.')
  })
  test('with a stranger among their pictures are refused', () => {
    const [first, second] = all
    const mixed = first && second && { ...first, record: second.record }
    expect(() => check(...(mixed ? [mixed] : []))).toThrow(/which is not in its shard 0 of 3/)
  })
})

describe('canaries', () => {
  const odd = (file: ShardFile): ShardFile => ({
    ...file,
    canaries: file.canaries.map((canary, i) =>
      i === 2 && canary.status === 'judged' ? { ...canary, imageSha256: 'ab'.repeat(32) } : canary,
    ),
  })
  test('that one machine draws otherwise name it', () => {
    const files = [0, 1, 2, 3].map((index) => cut(index, 4, {}, `host-${index}`))
    expect(() => check(...files.map((file, i) => (i === 2 ? odd(file) : file)))).toThrow(
      'c.json (host-2) drew a canary picture that 3 other files have otherwise.',
    )
  })
  test('of two machines that contradict name both', () => {
    expect(() => check(cut(0, 2, {}, 'x'), odd(cut(1, 2, {}, 'y')))).toThrow(
      'a.json (x) and b.json (y) drew the same canary picture otherwise.',
    )
  })
  test('with another score are odd too, and failed ones say nothing', () => {
    const rescored = (file: ShardFile): ShardFile => ({
      ...file,
      canaries: file.canaries.map((canary) => (canary.status === 'judged' ? { ...canary, judgements: {} } : canary)),
    })
    expect(() => check(cut(0, 3), cut(1, 3), rescored(cut(2, 3)))).toThrow('c.json drew a canary')
    const failed = (file: ShardFile): ShardFile => ({
      ...file,
      canaries: file.canaries.map((canary) => (canary.status === 'judged' ? toFailed(canary) : canary)),
    })
    expect(check(cut(0, 3), failed(cut(1, 3)), cut(2, 3))).toEqual([])
  })
})
