/**
 * Which shard a unit belongs to, and the file of one. The cut depends on prompt and repeat only, so that all stages of a
 * prompt are in one shard and each finished shard is paired.
 */
import { SpqrError } from '../contracts/errors'
import type { Outcome, RunRecord } from '../contracts/run'
import { MOST_SHARDS, type Shard, type ShardFile } from '../contracts/shard'
import { sha256Hex } from '../hash'
import { sealOf } from '../scoring'

type Place = Pick<Outcome, 'promptId' | 'repeat'>

/** SHA-256 of the JSON of [promptId, repeat], as one large whole number, modulo `count`. */
export function shardOf({ promptId, repeat }: Place, count: number): number {
  const hash = sha256Hex(JSON.stringify([promptId, repeat]))
  return Number(BigInt(`0x${hash}`) % BigInt(count))
}

/** Whether a unit is one of the shard's own. */
export const isOwn = (unit: Place, { index, count }: Shard): boolean => shardOf(unit, count) === index

/** Shards in words, counted as everywhere: from 0. */
export const shardName = ({ index, count }: Shard): string => `shard ${index} of ${count}`

/**
 * Reads `i/n`.
 * @throws {SpqrError} BAD_INPUT that says how shards are counted
 */
export function parseShard(text: string, option = '--shard'): Shard {
  const [, index = '', count = ''] = /^(\d{1,6})\/(\d{1,6})$/.exec(text.trim()) ?? []
  return checkedShard(Number(index || Number.NaN), Number(count || Number.NaN), `"${option} ${text.slice(0, 40)}"`)
}

/** @throws {SpqrError} BAD_INPUT when there is no such shard; `given` begins the sentence */
export function checkedShard(index: number, count: number, given: string): Shard {
  if (!Number.isInteger(index) || !Number.isInteger(count))
    throw new SpqrError('BAD_INPUT', `${given} names no shard.`, 'Write the shard as i/n, such as 0/4.')
  if (count < 1 || count > MOST_SHARDS)
    throw new SpqrError('BAD_INPUT', `${given}: a run is cut into 1 to ${MOST_SHARDS} shards.`, 'Choose fewer.')
  if (index >= count)
    throw new SpqrError(
      'BAD_INPUT',
      `${given}: of ${count} ${count === 1 ? 'shard there is' : 'shards there are'} only 0 to ${count - 1}.`,
      'Shards are counted from 0.',
    )
  return { index, count }
}

/** The file of a shard from the record of all that was made for it, canaries included. */
export function shardFile(
  record: RunRecord,
  shard: Shard,
  planned: number,
  canaryIds: ReadonlySet<string>,
  machine?: string,
): ShardFile {
  const own: RunRecord = { ...record, outcomes: record.outcomes.filter((outcome) => isOwn(outcome, shard)) }
  return {
    schema: 1,
    shard: { ...shard, planned, ...(machine === undefined ? {} : { machine }) },
    canaries: record.outcomes.filter(({ unitId }) => canaryIds.has(unitId)),
    seal: sealOf(own),
    record: own,
  }
}
