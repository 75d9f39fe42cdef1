/**
 * Text → embeddings → noise → denoising loop under guidance → decoder → RGB, for any model in Stable Diffusion's
 * layout. Latents go to the decoder divided by scalingFactor plus shiftFactor, as diffusers does.
 */
import { createGuidance } from '../core/guidance'
import { createScheduler } from '../core/schedulers'
import type { DiffusionModel, InferenceAlignment, SamplerSpec } from '../core/contracts'
import { SpqrError } from '../core/contracts'
import type { Denoiser } from './denoiser'
import { throwIfAborted, yieldToMessages } from './events'
import type { Graph } from './graph'
import { batchNoise } from './noise'
import { gpuPlan, type GpuLoop } from './gpuLoop'
import { brokenPicture, toRgb } from './picture'
import { conditionEmbeds } from './conditions'
import type { TextEncoder } from './text'

export interface PictureRequest { text: string; seed: number }
export type Picture =
  | { status: 'made'; width: number; height: number; rgb: Uint8Array<ArrayBuffer> }
  | { status: 'broken'; error: SpqrError }

export interface PipelineResult {
  pictures: Picture[]
  /** U-Net predictions: samples × conditions × steps. */
  unetEvaluations: number
}

/** Intermediate tensors, for golden tests. */
export interface PipelineTrace {
  onLatents?(latents: Float32Array, stepIndex: number): void
  onSample?(sample: Float32Array): void
}

export class Pipeline {
  constructor(
    private readonly model: DiffusionModel, readonly text: TextEncoder, private readonly denoiser: Denoiser, private readonly decoder: Graph,
    private readonly inference: InferenceAlignment | null, private readonly gpu: GpuLoop | null = null,
  ) {}

  /** One picture per request. Throws ABORTED between steps, PROMPT_TOO_LONG, MEMORY; a broken picture is a result. */
  async generate(requests: readonly PictureRequest[], sampler: SamplerSpec, signal?: AbortSignal, trace: PipelineTrace = {}): Promise<PipelineResult> {
    const { latents, unetEvaluations } = await this.denoise(requests, sampler, signal, trace)
    throwIfAborted(signal)
    return { pictures: await this.decode(latents, requests.length, trace), unetEvaluations }
  }

  private async denoise(
    requests: readonly PictureRequest[], sampler: SamplerSpec, signal: AbortSignal | undefined, trace: PipelineTrace,
  ): Promise<{ latents: Float32Array; unetEvaluations: number }> {
    const { numInferenceSteps, guidanceScale } = sampler
    const config = { ...this.model.scheduler, type: sampler.scheduler }
    const scheduler = createScheduler(config, numInferenceSteps)
    const guidance = createGuidance(this.inference, guidanceScale, numInferenceSteps)
    const embeds = await conditionEmbeds(this.text, guidance.conditions, requests.map(({ text }) => text), this.inference)
    const { channels, height, width } = this.model.latent
    const length = channels * height * width
    const steps = scheduler.timesteps.length
    const noise = batchNoise(sampler.noise, requests.map(({ seed }) => seed), length, scheduler.usesNoise ? steps : 0)
    let latents: Float32Array = noise.initial.map((value) => value * scheduler.initNoiseSigma)
    const samples = embeds.arrays.length
    const onGpu = gpuPlan(this.gpu, this.denoiser, samples, length, config, sampler, this.inference)
    if (onGpu) {
      const finished = await onGpu.loop.denoise({
        unet: this.denoiser.graph, initial: latents, latentDims: [channels, height, width], embeds: embeds.arrays, embedShape: embeds.shape, steps: onGpu.steps,
        guidanceScale, signal, onLatents: trace.onLatents,
      })
      return { latents: finished, unetEvaluations: samples * steps }
    }
    let unetEvaluations = 0
    for (let i = 0; i < steps; i++) {
      await yieldToMessages()
      throwIfAborted(signal)
      const scaled = scheduler.scaleModelInput(latents, i)
      const repeated = new Float32Array(guidance.conditions.length * scaled.length)
      guidance.conditions.forEach((_, k) => repeated.set(scaled, k * scaled.length))
      const predicted = await this.denoiser.predict({ samples: repeated, embeds: embeds.arrays, embedShape: embeds.shape, timestep: scheduler.timesteps[i]! })
      const byCondition = Object.fromEntries(guidance.conditions.map((condition, k) =>
        [condition, predicted.subarray(k * scaled.length, (k + 1) * scaled.length)]))
      latents = scheduler.step(guidance.combine(byCondition, i), i, latents, scheduler.usesNoise ? noise.step(i) : undefined)
      unetEvaluations += samples
      trace.onLatents?.(latents, i)
    }
    return { latents, unetEvaluations }
  }

  private async decode(latents: Float32Array, count: number, trace: PipelineTrace): Promise<Picture[]> {
    const { channels, height, width, scalingFactor, shiftFactor } = this.model.latent
    const scaled = latents.map((value) => Math.fround(value / scalingFactor) + shiftFactor)
    const outputs = await this.decoder.run({ latent_sample: { data: scaled, dims: [count, channels, height, width] } })
    const sample = outputs['sample'] ?? Object.values(outputs)[0]
    const image = this.model.image
    const size = 3 * image.height * image.width
    if (!sample || sample.data.length !== count * size) {
      throw new SpqrError('GRAPH_MISMATCH', `The decoder answers ${sample?.data.length ?? 0} numbers for ${count} pictures of ${image.height}×${image.width}.`, 'Publish the pack with a decoder in SD layout.')
    }
    trace.onSample?.(sample.data)
    return Array.from({ length: count }, (_, i): Picture => {
      const one = sample.data.subarray(i * size, (i + 1) * size)
      const rgb = toRgb(one, image.height, image.width)
      const error = brokenPicture(one, rgb)
      return error ? { status: 'broken', error } : { status: 'made', height: image.height, width: image.width, rgb }
    })
  }
}
