/** The U-Net as a function: samples and embeddings of any number → predictions, in runs the graph and memory allow. */
import { type DiffusionModel, SpqrError } from '../../core/contracts'
import type { Floats, Values } from './graph'
import { fixedBatch, sureRows, type Stage } from './stage'

/** Attention scores of one run, (height·width)² per sample, kept below this many numbers. */
const ATTENTION_BUDGET = 2 ** 26
/** Width of the guidance embedding where the graph leaves it free: that of the published consistency models. */
const GUIDANCE_WIDTH = 256

export interface DenoiserInput {
  /** [n, channels, height, width] flattened. */
  samples: Float32Array
  /** n embeddings of [tokens, width]. */
  embeds: readonly Float32Array[]
  embedShape: readonly [number, number]
  timestep: number
  /** The guidance scale's embedding, for models that take it as an input. */
  timestepCond?: Float32Array | null
}

/** What of a stage the denoiser needs. */
export type DenoiserStage = Pick<Stage, 'ports' | 'sure' | 'graph' | 'widen' | 'release'>

export class Denoiser {
  /** Samples in one run; fixed when the graph fixes its batch. */
  readonly limit: number
  readonly fixed: boolean
  private readonly length: number

  constructor(
    readonly stage: DenoiserStage,
    private readonly latent: DiffusionModel['latent'],
  ) {
    const batch = fixedBatch(stage.ports.inputs.find(({ name }) => name === 'sample')?.dims)
    this.fixed = batch !== null
    this.limit = batch ?? Math.max(1, Math.floor(ATTENTION_BUDGET / (latent.height * latent.width) ** 2))
    this.length = latent.channels * latent.height * latent.width
  }

  /** Numbers of the guidance embedding that a latent consistency model takes; null for other models. */
  get conditionWidth(): number | null {
    const port = this.stage.ports.inputs.find(({ name }) => name === 'timestep_cond')
    const width = port?.dims[1]
    return port ? (typeof width === 'number' ? width : GUIDANCE_WIDTH) : null
  }

  /** Predictions [n, channels, height, width] flattened, as the graph makes them (ε, v or flow). */
  async predict(input: DenoiserInput): Promise<Float32Array> {
    const n = input.embeds.length
    const predictions = new Float32Array(n * this.length)
    for (let start = 0; start < n; start += this.limit) {
      const count = Math.min(this.limit, n - start)
      const { data } = await this.runPart(input, start, count)
      predictions.set(data.subarray(0, count * this.length), start * this.length)
    }
    return predictions
  }

  private async runPart(input: DenoiserInput, start: number, count: number): Promise<Floats> {
    const size = sureRows(this.fixed ? this.limit : null, this.limit, count)
    const { channels, height, width } = this.latent
    const [tokens, embedWidth] = input.embedShape
    const samples = new Float32Array(size * this.length)
    const embeds = new Float32Array(size * tokens * embedWidth)
    for (let i = 0; i < size; i++) {
      // A graph of fixed batch, and a sample alone, are filled up with copies of the last sample.
      const from = start + Math.min(i, count - 1)
      samples.set(input.samples.subarray(from * this.length, (from + 1) * this.length), i * this.length)
      embeds.set(input.embeds[from]!, i * tokens * embedWidth)
    }
    const { timestepCond } = input
    const cond: Record<string, Values> = timestepCond
      ? { timestep_cond: { data: repeated(timestepCond, size), dims: [size, timestepCond.length] } }
      : {}
    const prediction = await this.stage.sure(
      async (graph) => {
        const outputs = await graph.run({
          sample: { data: samples, dims: [size, channels, height, width] },
          timestep: graph.timestep(input.timestep, size),
          encoder_hidden_states: { data: embeds, dims: [size, tokens, embedWidth] },
          ...cond,
        })
        return outputs['out_sample'] ?? Object.values(outputs)[0]
      },
      (answer) => answer !== undefined && !answer.data.every(Number.isFinite),
    )
    if (!prediction || prediction.data.length !== samples.length) {
      throw new SpqrError(
        'GRAPH_MISMATCH',
        `The U-Net answers ${prediction?.data.length ?? 0} numbers for ${samples.length} latents.`,
        'Publish the pack with a U-Net in SD layout.',
      )
    }
    return prediction
  }
}

function repeated(values: Float32Array, count: number): Float32Array {
  const all = new Float32Array(count * values.length)
  for (let i = 0; i < count; i++) all.set(values, i * values.length)
  return all
}
