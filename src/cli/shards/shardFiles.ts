/** Files of shards: `<folder>/<run>/<i>-of-<n>.json`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SpqrError, type Shard, type ShardFile } from '../../core/contracts'
import { conditionsDiffer, readShardText, shardName } from '../../core/shards'
import type { SpecifiedRun } from '../../evaluation/run/runApi'
import { readText } from '../files'
import { writeAtomically } from './atomic'

export const shardPath = (folder: string, runId: string, { index, count }: Shard): string =>
  join(folder, runId, `${index}-of-${count}.json`)

export const withMachine = (file: ShardFile, machine: string): ShardFile => ({
  ...file,
  shard: { ...file.shard, machine },
})

export function writeShard(path: string, file: ShardFile): Promise<void> {
  return writeAtomically(path, [`${JSON.stringify(file)}\n`])
}

/**
 * The finished file of a shard; null when it is to be made, with the reason when a file is there that is none.
 * @throws {SpqrError} BAD_INPUT when it was finished on a machine of another kind: it must not be lost, nor be mixed
 */
export function finishedShard(
  path: string,
  run: Pick<SpecifiedRun, 'id' | 'spec' | 'environment'>,
  shard: Shard,
): { file: ShardFile; note: null } | { file: null; note: string | null } {
  if (!existsSync(path)) return { file: null, note: null }
  let file: ShardFile | null
  try {
    file = readShardText(readText(path), `"${path}"`).file
  } catch (thrown) {
    return { file: null, note: `${(thrown as Error).message} It is made again.` }
  }
  const whole =
    file?.record.id === run.id &&
    file.shard.index === shard.index &&
    file.shard.count === shard.count &&
    file.record.outcomes.length === file.shard.planned
  if (!file || !whole) return { file: null, note: `"${path}" is no finished ${shardName(shard)}. It is made again.` }
  const differs = conditionsDiffer(file.record, run.environment)
  if (differs === null) return { file, note: null }
  throw new SpqrError(
    'BAD_INPUT',
    `"${path}" was made on a machine with another ${differs}.`,
    'Move it away to make it again here, and make all shards on machines of one kind.',
  )
}
