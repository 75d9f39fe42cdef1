/** What is recorded of a run before its first picture: the same for a whole run, a shard, and a shard nobody could make. */
import { SCORING_RULE, type LoadedPack, type RunRecord, type RunSpec } from '../../core/contracts'
import { runId } from '../spec/specHash'
import { committeeOf } from './committee'

/** `planned`: units of the whole run, whatever part of them is made here. */
export function newRecord(pack: LoadedPack, spec: RunSpec, planned: number): Omit<RunRecord, 'outcomes'> {
  const committee = committeeOf(pack, spec.judges)
  return {
    schema: 1,
    scoringRule: SCORING_RULE,
    id: runId(spec),
    spec,
    createdAt: new Date().toISOString(),
    environment: pack.environment,
    timings: { totalSeconds: 0, loadSeconds: 0, generateSeconds: 0, judgeSeconds: 0, images: 0, unetEvaluations: 0 },
    judges: pack.judges.filter((judge) => spec.judges.includes(judge.id)),
    planned,
    training: null,
    ...(committee ? { committee } : {}),
  }
}
