/** The part of the scripting API that makes shards of a run. */
import { ShardSchema, SpqrError, checkShape, type Shard } from '../core/contracts'
import { isOwn, shardFile } from '../core/shards'
import { plan } from '../evaluation/plan/plan'
import { canariesOf } from '../evaluation/plan/shardPlan'
import { scriptProgress, type SpecifiedRun, type SpqrScript } from '../evaluation/run/runApi'
import { createRunSpec, promptsOf, runId } from '../evaluation/spec/spec'
import type { RunRequest } from '../state/run/runner.svelte'
import type { ScriptedPage } from './script'

export function shardScript(
  app: ScriptedPage,
  requestOf: (call: string, parameters: unknown) => RunRequest,
): Pick<SpqrScript, 'specify' | 'evaluateShard'> {
  return {
    specify: (parameters) => specified(app, requestOf('specify', parameters)),
    async evaluateShard(parameters, given, onProgress) {
      const shard = checkedShard(given)
      const made = { planned: 0, canaries: new Set<string>() }
      const request = { ...requestOf('evaluateShard', parameters), shard }
      const report = await app.evaluate(request, (event) => {
        if (event.type === 'plan') {
          made.planned = event.units.filter((unit) => isOwn(unit, shard)).length
          made.canaries = new Set(canariesOf(event.units).map(({ id }) => id))
        }
        onProgress?.(scriptProgress(event))
      })
      if (!report)
        throw new SpqrError(
          'ABORTED',
          'The run was stopped.',
          'Everything made so far is kept; start it again to go on.',
        )
      return shardFile(report.record, shard, made.planned, made.canaries)
    },
  }
}

function checkedShard(given: unknown): Shard {
  const { value, fault } = checkShape(ShardSchema, given)
  if (fault === null) return value
  throw new SpqrError('BAD_INPUT', `There is no such shard: ${fault}.`, 'Shards are counted from 0.')
}

function specified(app: ScriptedPage, { packName, device, options }: RunRequest): Promise<SpecifiedRun> {
  return app.services.withEngine('a specification', packName, device, ({ pack }) => {
    const spec = createRunSpec(options, pack)
    const units = plan(spec, promptsOf(options, pack))
    const pairs = new Set(units.map(({ promptId, repeat }) => JSON.stringify([promptId, repeat]))).size
    return Promise.resolve({
      id: runId(spec),
      spec,
      environment: pack.environment,
      planned: units.length,
      pairs,
    })
  })
}
