/** The part of the scripting API that makes shards of a run. */
import * as v from 'valibot'
import { ShardSchema, SpqrError, TrainingTraceSchema, checkShape, type RunSpec, type Shard } from '../core/contracts'
import { plan } from '../evaluation/plan/plan'
import { failedShard } from '../evaluation/run/failedShard'
import { withHeldOut } from '../evaluation/run/heldOut'
import type { ImportedTraining } from '../evaluation/run/importedTraining'
import {
  scriptProgress,
  type ScriptTraining,
  type SpecifiedRun,
  type SpqrScript,
  type TrainingProgress,
} from '../evaluation/run/runApi'
import { sha256Hex } from '../core/hash'
import { createRunSpec, promptsOf, runId } from '../evaluation/spec/spec'
import type { OpenPack } from '../state/page/services'
import { makeShard } from '../state/run/makeShard'
import type { RunRequest } from '../state/run/runner.svelte'
import type { ScriptedPage } from './script'

const TrainingSchema = v.strictObject({
  losses: v.array(v.pipe(v.number(), v.finite())),
  checkpoints: v.pipe(
    v.array(v.strictObject({ step: v.pipe(v.number(), v.integer()), sha256: v.string(), bytes: v.string() })),
    v.maxLength(502),
  ),
  heldOut: TrainingTraceSchema.entries.heldOut,
})
const ReasonSchema = v.strictObject({
  code: v.pipe(v.string(), v.maxLength(200)),
  message: v.pipe(v.string(), v.maxLength(1000)),
})

export function shardScript(
  app: ScriptedPage,
  requestOf: (call: string, parameters: unknown) => RunRequest,
): Pick<SpqrScript, 'specify' | 'evaluateShard' | 'failShard' | 'train'> {
  return {
    specify: (parameters) => specified(app, requestOf('specify', parameters)),
    async evaluateShard(parameters, given, onProgress, trained) {
      const shard = checkedShard(given)
      const training = trained === undefined ? {} : { training: checkedTraining(trained) }
      const request = { ...requestOf('evaluateShard', parameters), ...training }
      return makeShard(
        (...asked) => app.evaluate(...asked),
        request,
        shard,
        (event) => onProgress?.(scriptProgress(event)),
      )
    },
    failShard(parameters, given, reason) {
      const shard = checkedShard(given)
      const { value, fault } = checkShape(ReasonSchema, reason)
      if (fault !== null) throw new SpqrError('BAD_INPUT', `The reason of a failed shard is wrong: ${fault}.`)
      const request = requestOf('failShard', parameters)
      return opened(app, request, ({ pack }, spec) =>
        failedShard({ ...pack, prompts: promptsOf(request.options, pack) }, spec, shard, value),
      )
    },
    train: (parameters, onProgress) =>
      opened(app, requestOf('train', parameters), (open, spec) => trainHere(open, spec, onProgress)),
  }
}

function checkedShard(given: unknown): Shard {
  const { value, fault } = checkShape(ShardSchema, given)
  if (fault === null) return value
  throw new SpqrError('BAD_INPUT', `There is no such shard: ${fault}.`, 'Shards are counted from 0.')
}

function checkedTraining(given: unknown): ImportedTraining {
  const { value, fault } = checkShape(TrainingSchema, given)
  if (fault !== null) throw new SpqrError('BAD_INPUT', `The fine-tune that was handed over is wrong at ${fault}.`)
  const checkpoints = value.checkpoints.map(({ bytes, ...checkpoint }) => ({
    ...checkpoint,
    bytes: Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)),
  }))
  return { losses: value.losses, checkpoints, heldOut: value.heldOut }
}

function opened<T>(
  app: ScriptedPage,
  { packName, device, options }: RunRequest,
  work: (open: OpenPack, spec: RunSpec) => T | Promise<T>,
): Promise<T> {
  return app.services.withEngine('a shard', packName, device, async (open) =>
    work(open, createRunSpec(options, open.pack)),
  )
}

function specified(app: ScriptedPage, request: RunRequest): Promise<SpecifiedRun> {
  return opened(app, request, ({ pack }, spec) => {
    const units = plan(spec, promptsOf(request.options, pack))
    const pairs = new Set(units.map(({ promptId, repeat }) => JSON.stringify([promptId, repeat]))).size
    return { id: runId(spec), spec, environment: pack.environment, planned: units.length, pairs }
  })
}

async function trainHere(
  { trainer }: OpenPack,
  { alignment, fineTune, model }: RunSpec,
  onProgress?: (progress: TrainingProgress) => void,
): Promise<ScriptTraining> {
  if (fineTune?.kind !== 'live')
    throw new SpqrError('BAD_INPUT', 'This run trains nothing.', 'Add --train with a profile.')
  if (!trainer) throw new SpqrError('BAD_INPUT', `Pack "${model.id}" cannot be fine-tuned in the browser.`)
  const checkpoints: ScriptTraining['checkpoints'] = []
  let losses: number[] = []
  let heldOut: ScriptTraining['heldOut']
  for (const step of fineTune.checkpoints.filter((at) => at > 0)) {
    const { checkpointKey, trace } = await trainer.train(alignment, fineTune, step, ({ step: at, loss }) =>
      onProgress?.({ step: at, steps: fineTune.steps, loss }),
    )
    const { bytes } = await trainer.exportAdapter(checkpointKey)
    // As the run itself would: the trainer returns all losses so far, or those since its last checkpoint.
    losses = [...losses.slice(0, step - trace.losses.length), ...trace.losses]
    heldOut = withHeldOut(heldOut, trace.heldOut).heldOut
    checkpoints.push({ step, sha256: sha256Hex(bytes), bytes: base64(bytes) })
  }
  return { losses, checkpoints, ...(heldOut ? { heldOut } : {}) }
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}
