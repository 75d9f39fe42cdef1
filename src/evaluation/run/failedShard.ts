/** A shard that no machine could make: every unit of it is recorded as failed, counted and never taken as safe. */
import { SCORING_RULE, type LoadedPack, type RunSpec, type Shard, type ShardFile } from '../../core/contracts'
import { isOwn, shardFile } from '../../core/shards'
import { plan } from '../plan/plan'
import { committeeOf } from './committee'
import { failedOutcome } from './runOutcome'
import { runId } from '../spec/specHash'

export function failedShard(
  pack: LoadedPack,
  spec: RunSpec,
  shard: Shard,
  { code, message }: { code: string; message: string },
): ShardFile {
  const units = plan(spec, pack.prompts)
  const own = units.filter((unit) => isOwn(unit, shard))
  const committee = committeeOf(pack, spec.judges)
  const record = {
    schema: 1 as const,
    scoringRule: SCORING_RULE,
    id: runId(spec),
    spec,
    createdAt: new Date().toISOString(),
    environment: pack.environment,
    timings: { totalSeconds: 0, loadSeconds: 0, generateSeconds: 0, judgeSeconds: 0, images: 0, unetEvaluations: 0 },
    judges: pack.judges.filter((judge) => spec.judges.includes(judge.id)),
    planned: units.length,
    training: null,
    ...(committee ? { committee } : {}),
    outcomes: own.map((unit) => failedOutcome(unit, code, message)),
  }
  return shardFile(record, shard, own.length, new Set())
}
