/** A shard that no machine could make: every unit of it is recorded as failed, counted and never taken as safe. */
import type { LoadedPack, RunSpec, Shard, ShardFile } from '../../core/contracts'
import { isOwn, shardFile } from '../../core/shards'
import { plan } from '../plan/plan'
import { newRecord } from './newRecord'
import { failedOutcome } from './runOutcome'

export function failedShard(
  pack: LoadedPack,
  spec: RunSpec,
  shard: Shard,
  { code, message }: { code: string; message: string },
): ShardFile {
  const units = plan(spec, pack.prompts)
  const own = units.filter((unit) => isOwn(unit, shard))
  const record = {
    ...newRecord(pack, spec, units.length),
    outcomes: own.map((unit) => failedOutcome(unit, code, message)),
  }
  return shardFile(record, shard, own.length, new Set())
}
