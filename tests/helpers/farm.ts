/**
 * `tsx farm.ts submit | work | status | collect …`: the farm's commands with a tiny evaluator in the place of the page, which
 * runs real evaluations of the fixture's pack. Its environment variables make it an odd, poisoned, slow or old machine.
 */
import { existsSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { command } from '../../src/cli/files'
import { farm } from '../../src/cli/farm/commands'
import type { FarmEvaluator, Parameters } from '../../src/cli/farm/evaluator'
import { SpqrError, type LoadedPack, type ModelVariant, type RunSpec } from '../../src/core/contracts'
import { isOwn, shardFile } from '../../src/core/shards'
import { canariesOf } from '../../src/evaluation/plan/shardPlan'
import { plan } from '../../src/evaluation/plan/plan'
import { failedShard } from '../../src/evaluation/run/failedShard'
import { importedTrainer } from '../../src/evaluation/run/importedTraining'
import { runEvaluation } from '../../src/evaluation/run/run'
import { scriptProgress } from '../../src/evaluation/run/runApi'
import { parseParameters } from '../../src/evaluation/spec/params'
import { createRunSpec, runId } from '../../src/evaluation/spec/spec'
import { sha256Hex } from '../../src/core/hash'
import { FakeEngine, FakeTrainer, loadedPack } from '../unit/evaluation/fixture'
import { harness } from '../unit/evaluation/harness'

const { FAKE_PACK, FAKE_APP, FAKE_THREADS, FAKE_ODD, FAKE_POISON, FAKE_DIE, FAKE_HOLD, FAKE_BROKEN } = process.env

function packHere(): LoadedPack {
  const pack = loadedPack()
  return {
    ...pack,
    manifestSha256: FAKE_PACK ? sha256Hex(FAKE_PACK) : pack.manifestSha256,
    environment: {
      ...pack.environment,
      app: FAKE_APP ?? pack.environment.app,
      threads: Number(FAKE_THREADS ?? pack.environment.threads),
    },
  }
}

/** Draws by what a checkpoint is, whoever trained it. */
class Engine extends FakeEngine {
  override async prepare(variant: ModelVariant): Promise<void> {
    const { fineTune } = variant
    const key = fineTune.kind === 'checkpoint' ? fineTune.key.replace(/^imported-/, '') : ''
    const known = key.startsWith('checkpoint-') ? sha256Hex(key) : key
    await super.prepare(key === '' ? variant : { ...variant, fineTune: { kind: 'checkpoint', key: known } })
  }
  override async run(...args: RunArguments): ReturnType<FakeEngine['run']> {
    const batch = await super.run(...args)
    if (!FAKE_ODD) return batch
    const odd = batch.results.map((result) =>
      result.status === 'judged'
        ? { ...result, image: { ...result.image, sha256: sha256Hex(result.image.sha256) } }
        : result,
    )
    return { ...batch, results: odd }
  }
}
type RunArguments = globalThis.Parameters<FakeEngine['run']>

class Trainer extends FakeTrainer {
  override async train(...args: globalThis.Parameters<FakeTrainer['train']>): ReturnType<FakeTrainer['train']> {
    const { checkpointKey, trace } = await super.train(...args)
    return { checkpointKey, trace: { ...trace, adapterSha256: sha256Hex(checkpointKey) } }
  }
}

/** Until the file is there. */
function released(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), look)
    function look() {
      if (!existsSync(path)) return
      watcher.close()
      resolve()
    }
    look()
  })
}

class FakeEvaluator implements FarmEvaluator {
  private readonly pack = packHere()
  private readonly ports = harness({ engine: new Engine(), trainer: new Trainer() }).ports

  private spec(parameters: Parameters): RunSpec {
    return createRunSpec(parseParameters(Object.entries(parameters)).values, this.pack)
  }
  specify(parameters: Parameters) {
    if (FAKE_BROKEN) return Promise.reject(new SpqrError('UNEXPECTED', 'The page did not start.'))
    const spec = this.spec(parameters)
    const { environment } = this.pack
    return Promise.resolve({
      id: runId(spec),
      spec,
      environment,
      planned: plan(spec, this.pack.prompts).length,
      pairs: 1,
    })
  }
  async shard(...[parameters, shard, trained, onProgress]: globalThis.Parameters<FarmEvaluator['shard']>) {
    if (FAKE_POISON === String(shard.index))
      throw new SpqrError('ADAPTER_NAN', 'The adapter holds no numbers: drawing.')
    if (FAKE_DIE === String(shard.index)) process.kill(process.pid, 'SIGKILL')
    if (FAKE_HOLD) {
      console.log(`holds ${shard.index}`)
      await released(FAKE_HOLD)
    }
    const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
    const imported = trained && {
      losses: trained.losses,
      checkpoints: trained.checkpoints.map((one) => ({ ...one, bytes: bytesOf(one.bytes) })),
    }
    let [planned, canaries] = [0, new Set<string>()]
    const { record } = await runEvaluation(
      new AbortController().signal,
      { ...this.ports, shard, ...(imported ? { trainer: importedTrainer(imported) } : {}) },
      this.pack,
      this.spec(parameters),
      (event) => {
        if (event.type === 'plan') {
          planned = event.units.filter((unit) => isOwn(unit, shard)).length
          canaries = new Set(canariesOf(event.units).map(({ id }) => id))
        }
        onProgress(scriptProgress(event))
      },
    )
    return shardFile(record, shard, planned, canaries)
  }
  failed(...[parameters, shard, reason]: globalThis.Parameters<FarmEvaluator['failed']>) {
    return Promise.resolve(failedShard(this.pack, this.spec(parameters), shard, reason))
  }
  async train(parameters: Parameters) {
    const { alignment, fineTune } = this.spec(parameters)
    if (fineTune?.kind !== 'live') throw new SpqrError('BAD_INPUT', 'This run trains nothing.')
    console.log('trains')
    const trainer = new Trainer()
    const checkpoints = []
    let losses: number[] = []
    for (const step of fineTune.checkpoints.filter((at) => at > 0)) {
      const { checkpointKey, trace } = await trainer.train(alignment, fineTune, step, () => undefined)
      const { bytes, sha256 } = await trainer.exportAdapter(checkpointKey)
      losses = trace.losses
      checkpoints.push({ step, sha256, bytes: Buffer.from(bytes).toString('base64') })
    }
    return { losses, checkpoints }
  }
  reset = () => Promise.resolve()
  close = () => Promise.resolve()
}

await command((argv) => farm(argv, () => new FakeEvaluator()))
