/** One training step as an ONNX graph: loss, gradients, clipping and AdamW in a single run. */
import type { InferenceSession, Tensor } from 'onnxruntime-web'
import { SpqrError, type Component, type Training, type TrainingProfile } from '../../core/contracts'
import { wholePower } from '../../core/exact'
import { adamwStep, targetEnergy, type Optimiser } from '../../core/training'
import { assertPorts } from '../generator/graph'
import { ortError, type OrtRuntime } from '../ort'

/** Parameters and AdamW's moments after `step` steps, each of the profile's `length`; `ratios` are losses over `targetEnergy`. */
export interface TrainingState {
  step: number
  flat: Float32Array
  m: Float32Array
  v: Float32Array
  losses: number[]
  ratios: number[]
  /** Running average of what was trained, where a mitigation measures that. */
  average?: Float32Array | undefined
}

/** Inputs of one step for `count` ≤ batchSize pictures; arrays are padded to the graph's batch by `run`. */
export interface TrainingBatch {
  count: number
  latents: Float32Array
  noise: Float32Array
  sigma: Float32Array
  context: Float32Array
}

interface StepOptions {
  wantGradient?: boolean
  optimiser?: Optimiser | undefined
  /** What to step along in the place of the gradient. */
  changeGradient?: ((gradient: Float32Array) => Promise<Float32Array> | Float32Array) | undefined
}

export class TrainingStep {
  private constructor(
    private readonly runtime: OrtRuntime,
    private readonly session: InferenceSession,
    private readonly profile: TrainingProfile,
    private readonly training: Training,
  ) {}

  /** `weights` is the laid-out buffer of the U-Net to start from (base, with the alignment merged). */
  static async create(
    runtime: OrtRuntime,
    training: Training,
    profile: TrainingProfile,
    graph: Uint8Array,
    unet: Component,
    weights: Uint8Array,
  ): Promise<TrainingStep> {
    const what = `the training step "${profile.profile}"`
    const session = await runtime.exclusive(async () => {
      try {
        return await runtime.ort.InferenceSession.create(graph, {
          executionProviders: [runtime.provider],
          graphOptimizationLevel: 'all',
          logSeverityLevel: 3,
          externalData: [{ path: unet.externalData.path, data: weights }],
        })
      } catch (thrown) {
        throw ortError(thrown, `loading ${what}`)
      }
    })
    try {
      assertPorts(what, 'input', profile.inputs, session.inputMetadata)
      assertPorts(what, 'output', profile.outputs, session.outputMetadata)
    } catch (thrown) {
      await session.release()
      throw thrown
    }
    return new TrainingStep(runtime, session, profile, training)
  }

  /**
   * Takes one step: `state` moves on and its loss is appended. Returns the gradient before clipping where it was asked
   * for with `wantGradient`, or needed: with an `optimiser` of its own, or a gradient that is changed, the graph gives the
   * gradient and AdamW runs here.
   */
  async run(
    state: TrainingState,
    batch: TrainingBatch,
    learningRate: number,
    { wantGradient = false, optimiser, changeGradient }: StepOptions = {},
  ): Promise<Float32Array | null> {
    const t = state.step + 1
    const own = optimiser !== undefined || changeGradient !== undefined
    const updated = own ? [] : ['next_flat', 'next_m', 'next_v']
    const gradient = wantGradient || own ? ['grad'] : []
    const floats = await this.outputs(state, batch, t, learningRate, ['loss', ...updated, ...gradient])
    const loss = floats('loss')[0]!
    const changed = changeGradient ? await changeGradient(floats('grad')) : null
    state.losses.push(loss)
    state.ratios.push(loss / targetEnergy(batch.noise, batch.latents))
    const next = own
      ? adamwStep(state, changed ?? floats('grad'), t, learningRate, optimiser ?? this.training.optimiser)
      : { flat: floats('next_flat'), m: floats('next_m'), v: floats('next_v') }
    Object.assign(state, next, { step: t })
    return gradient.length > 0 ? floats('grad') : null
  }

  /** Gradient of the loss of a batch at these parameters, before clipping; nothing moves. */
  async gradient(flat: Float32Array, batch: TrainingBatch): Promise<Float32Array> {
    const zero = new Float32Array(flat.length)
    return (await this.outputs({ flat, m: zero, v: zero }, batch, 1, 0, ['grad']))('grad')
  }

  private async outputs(
    { flat, m, v }: Pick<TrainingState, 'flat' | 'm' | 'v'>,
    batch: TrainingBatch,
    t: number,
    learningRate: number,
    fetches: string[],
  ): Promise<(name: string) => Float32Array> {
    const { beta1, beta2 } = this.training.optimiser
    const feeds: Record<string, Tensor> = {}
    const values: Record<string, Float32Array> = {
      flat,
      m,
      v,
      latents: batch.latents,
      noise: batch.noise,
      sigma: batch.sigma,
      encoder_hidden_states: batch.context,
      // In double precision here: 1 − 0.999ᵗ in float32 would be off by 1e-4 at first.
      bias1: Float32Array.of(1 - wholePower(beta1, t)),
      bias2: Float32Array.of(1 - wholePower(beta2, t)),
      learning_rate: Float32Array.of(learningRate),
      sample_weight: Float32Array.from({ length: this.training.batchSize }, (_, i) =>
        i < batch.count ? 1 / batch.count : 0,
      ),
    }
    // Unused inputs are optimised out of a graph by its exporter, so only what the graph names is fed.
    for (const { name, dims } of this.profile.inputs) feeds[name] = this.tensor(name, values[name], dims as number[])
    const outputs = await this.runtime.exclusive(async () => {
      try {
        return await this.session.run(feeds, fetches)
      } catch (thrown) {
        throw ortError(thrown, 'running a training step')
      }
    })
    return (name) => outputs[name]!.data as Float32Array
  }

  release(): Promise<void> {
    return this.runtime.exclusive(() => this.session.release())
  }

  private tensor(name: string, values: Float32Array | undefined, dims: readonly number[]): Tensor {
    if (!values)
      throw new SpqrError(
        'GRAPH_MISMATCH',
        `The training step "${this.profile.profile}" has an input "${name}" that nothing fills.`,
        'Publish the pack again.',
      )
    const size = dims.reduce((a, b) => a * b, 1)
    if (values.length > size)
      throw new SpqrError(
        'GRAPH_MISMATCH',
        `The training step takes ${size} values of "${name}", not ${values.length}.`,
        'Publish the pack again.',
      )
    let data = values
    if (values.length < size) {
      data = new Float32Array(size)
      data.set(values)
    }
    return new this.runtime.ort.Tensor('float32', data, dims)
  }
}
