/** `npm run evaluate -- … --shard i/n`: one shard of a run into its file, unless it is there. */
import { hostname } from 'node:os'
import type { Page } from 'playwright'
import type { Shard, ShardFile } from '../../core/contracts'
import { shardName } from '../../core/shards'
import type { SpecifiedRun } from '../../evaluation/run/runApi'
import { inPage } from '../page'
import { finishedShard, shardPath, withMachine, writeShard } from './shardFiles'

/** Name of this machine in a shard's file, for whoever looks for the odd one. */
export const machineName = (): string => hostname().slice(0, 100)

/** Exit status: 0 when every image of the shard is recorded, made or failed. */
export async function evaluateShard(
  page: Page,
  parameters: Record<string, string>,
  shard: Shard,
  folder: string,
): Promise<number> {
  const run = await inPage<SpecifiedRun>(page, `globalThis.spqr.specify(${JSON.stringify(parameters)})`)
  const path = shardPath(folder, run.id, shard)
  const { file: known, note } = finishedShard(path, run, shard)
  if (note !== null) console.error(note)
  const file =
    known ??
    (await inPage<ShardFile>(
      page,
      `globalThis.spqr.evaluateShard(${JSON.stringify(parameters)}, ${JSON.stringify(shard)}, (progress) => globalThis.spqrProgress(progress))`,
    ))
  if (!known) await writeShard(path, withMachine(file, machineName()))
  const { outcomes } = file.record
  const failed = outcomes.filter(({ status }) => status === 'failed').length
  console.log(
    `${shardName(shard)}: ${outcomes.length} of the run's ${run.planned} images, ${failed} failed${known ? '; it was finished before' : ''}: ${path}`,
  )
  return outcomes.length === file.shard.planned ? 0 : 1
}
