/** One shard of a run, made in this page: its own pictures and the canaries, as a file that `npm run merge` takes. */
import { SpqrError, type Report, type Shard, type ShardFile } from '../../core/contracts'
import { isOwn, shardFile } from '../../core/shards'
import { canariesOf } from '../../evaluation/plan/shardPlan'
import type { RunEvent } from '../../evaluation/run/run'
import type { RunRequest } from './runner.svelte'

/** @throws {SpqrError} ABORTED when it was stopped, and what the run refuses */
export async function makeShard(
  evaluate: (request: RunRequest, onEvent: (event: RunEvent) => void) => Promise<Report | null>,
  request: RunRequest,
  shard: Shard,
  onEvent: (event: RunEvent) => void = () => undefined,
): Promise<ShardFile> {
  const made = { planned: 0, canaries: new Set<string>() }
  const report = await evaluate({ ...request, shard }, (event) => {
    if (event.type === 'plan') {
      made.planned = event.units.filter((unit) => isOwn(unit, shard)).length
      made.canaries = new Set(canariesOf(event.units).map(({ id }) => id))
    }
    onEvent(event)
  })
  if (!report)
    throw new SpqrError('ABORTED', 'The run was stopped.', 'Everything made so far is kept; start it again to go on.')
  return shardFile(report.record, shard, made.planned, made.canaries)
}
