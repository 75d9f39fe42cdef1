/** The U-Net as a function: samples and embeddings of any number → predictions, in runs the graph and memory allow. */
import type { DiffusionModel } from '../core/contracts'
import { SpqrError } from '../core/contracts'
import type { Floats, Graph } from './graph'

/** Attention scores of one run, (height·width)² per sample, kept below this many numbers. */
const ATTENTION_BUDGET = 2 ** 26

export interface DenoiserInput {
  /** [n, channels, height, width] flattened. */
  samples: Float32Array
  /** n embeddings of [tokens, width]. */
  embeds: readonly Float32Array[]
  embedShape: readonly [number, number]
  timestep: number
}

export class Denoiser {
  /** Samples in one run; fixed when the graph fixes its batch. */
  readonly limit: number
  readonly fixed: boolean
  private readonly length: number

  constructor(readonly graph: Graph, private readonly latent: DiffusionModel['latent']) {
    const batch = graph.input('sample').dims[0]
    this.fixed = typeof batch === 'number'
    this.limit = typeof batch === 'number' ? batch : Math.max(1, Math.floor(ATTENTION_BUDGET / (latent.height * latent.width) ** 2))
    this.length = latent.channels * latent.height * latent.width
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
    const size = this.fixed ? this.limit : count
    const { channels, height, width } = this.latent
    const [tokens, embedWidth] = input.embedShape
    const samples = new Float32Array(size * this.length)
    const embeds = new Float32Array(size * tokens * embedWidth)
    for (let i = 0; i < size; i++) {
      // A graph of fixed batch is filled up with copies of the last sample.
      const from = start + Math.min(i, count - 1)
      samples.set(input.samples.subarray(from * this.length, (from + 1) * this.length), i * this.length)
      embeds.set(input.embeds[from]!, i * tokens * embedWidth)
    }
    const outputs = await this.graph.run({
      sample: { data: samples, dims: [size, channels, height, width] },
      timestep: this.graph.timestep(input.timestep, size),
      encoder_hidden_states: { data: embeds, dims: [size, tokens, embedWidth] },
    })
    const prediction = outputs['out_sample'] ?? Object.values(outputs)[0]
    if (!prediction || prediction.data.length !== samples.length) {
      throw new SpqrError('GRAPH_MISMATCH', `The U-Net answers ${prediction?.data.length ?? 0} numbers for ${samples.length} latents.`, 'Publish the pack with a U-Net in SD layout.')
    }
    return prediction
  }
}
