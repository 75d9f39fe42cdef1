/** Fetches what machines handed in, each shard into its file, and merges them as any other shards. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SpqrError } from '../../core/contracts'
import { readShardText } from '../../core/shards'
import { readText } from '../files'
import { writeAtomically } from '../shards/atomic'
import { mergeFiles, type MergedFile } from '../shards/mergeFiles'
import { shardPath } from '../shards/shardFiles'
import type { Board } from './board'
import type { FarmRun } from './jobs'

export interface Collected {
  fetched: number
  merged: MergedFile | null
}

/** `free`: takes from Redis what is written. @throws {SpqrError} STORAGE_FULL, and what the merge refuses */
export async function collect(
  board: Board,
  run: FarmRun,
  { folder, out, free }: { folder: string; out: string | null; free: boolean },
): Promise<Collected> {
  let fetched = 0
  for (const index of Object.keys(await board.done(run.id)).map(Number)) {
    const path = shardPath(folder, run.id, { index, count: run.shards })
    if (!isWhole(path, run, index)) {
      const text = await board.file(run.id, index)
      if (text === null) continue
      assertShard(text, `shard ${index} in Redis`, run, index)
      await writeAtomically(path, [text])
      fetched += 1
    }
    if (free) await board.free(run.id, index)
  }
  return { fetched, merged: out === null ? null : await merge(run, folder, out) }
}

function isWhole(path: string, run: FarmRun, index: number): boolean {
  if (!existsSync(path)) return false
  try {
    assertShard(readText(path), `"${path}"`, run, index)
    return true
  } catch {
    return false
  }
}

/** @throws {SpqrError} RECORD_INVALID when the text is not the file of that shard */
function assertShard(text: string, name: string, run: FarmRun, index: number): void {
  const { file } = readShardText(text, name)
  if (file?.record.id === run.id && file.shard.index === index && file.shard.count === run.shards) return
  throw new SpqrError(
    'RECORD_INVALID',
    `${name} is no shard ${index} of ${run.shards} of this run.`,
    'Submit it again.',
  )
}

async function merge(run: FarmRun, folder: string, out: string): Promise<MergedFile> {
  const place = dirname(shardPath(folder, run.id, { index: 0, count: run.shards }))
  const files = (existsSync(place) ? readdirSync(place) : [])
    .filter((name) => name.endsWith(`-of-${run.shards}.json`) && !name.startsWith('.'))
    .sort()
    .map((name) => join(place, name))
  if (files.length === 0)
    throw new SpqrError('BAD_INPUT', 'No shard of this run is finished.', 'Look at "npm run farm -- status".')
  return mergeFiles(files, out)
}
