/**
 * Text → embeddings → noise → denoising loop under guidance → decoder → RGB, for any model in Stable Diffusion's
 * layout. Latents go to the decoder divided by scalingFactor plus shiftFactor, as diffusers does.
 */
import { createGuidance, guidanceEmbedding, Redirected, type Redirector } from '../../core/guidance'
import { createScheduler } from '../../core/schedulers'
import { type DiffusionModel, type InferenceAlignment, type SamplerSpec, SpqrError } from '../../core/contracts'
import { changesPrediction, GUIDANCE } from '../../core/methods'
import type { Denoiser } from './denoiser'
import { throwIfAborted, yieldToMessages } from '../events'
import { batchNoise } from './noise'
import { gpuPlan, type GpuLoop } from './gpuLoop'
import { brokenPicture, toRgb } from './picture'
import { fixedBatch, sureRows, type Stage } from './stage'
import { conditionEmbeds } from './conditions'
import type { SoftText } from './softText'
import type { TextEncoder } from './text'

export interface PictureRequest {
  text: string
  seed: number
}
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

export interface PipelineOptions {
  /** The loop on the GPU, once a session exists there. */
  gpuLoop?: (() => Promise<GpuLoop | null>) | undefined
  /** Only one part in memory at a time: each is loaded for its turn and let go. */
  oneAtATime?: boolean | undefined
  /** The network of a guard that redirects the prompt's embeddings at every step. */
  redirector?: Redirector | null
  /** The text encoder that puts trained tokens before prompts. */
  softText?: SoftText | null
}

/** What the denoising loop works on. */
interface LoopInput {
  /** The first noise, as the scheduler scales it. */
  initial: Float32Array
  scheduler: ReturnType<typeof createScheduler>
  guidance: ReturnType<typeof createGuidance>
  embeds: Awaited<ReturnType<typeof conditionEmbeds>>
  timestepCond: Float32Array | null
  noise: ReturnType<typeof batchNoise>
}

/** Pixels decoded in one run, unless the graph fixes its batch. */
const DECODED_PIXELS = 2 ** 18

export class Pipeline {
  constructor(
    private readonly model: DiffusionModel,
    readonly text: TextEncoder,
    private readonly denoiser: Denoiser,
    private readonly decoder: Stage,
    private readonly inference: InferenceAlignment | null,
    private readonly options: PipelineOptions = {},
  ) {}

  /** One picture per request. Throws ABORTED between steps, PROMPT_TOO_LONG, MEMORY; a broken picture is a result. */
  async generate(
    requests: readonly PictureRequest[],
    sampler: SamplerSpec,
    signal?: AbortSignal,
    trace: PipelineTrace = {},
  ): Promise<PipelineResult> {
    const { latents, unetEvaluations } = await this.denoise(requests, sampler, signal, trace)
    throwIfAborted(signal)
    const pictures = await this.decode(latents, requests.length, trace)
    await this.leave(this.decoder)
    return { pictures, unetEvaluations }
  }

  /** What the model predicts for the prompts alone, without guidance, at one timestep; `samples` [n, latent]. */
  async predict(texts: readonly string[], samples: Float32Array, timestep: number): Promise<Float32Array> {
    const embeds = await this.text.embed(texts)
    return this.denoiser.predict({ samples, embeds, embedShape: this.text.shape!, timestep })
  }

  private async denoise(
    requests: readonly PictureRequest[],
    sampler: SamplerSpec,
    signal: AbortSignal | undefined,
    trace: PipelineTrace,
  ): Promise<{ latents: Float32Array; unetEvaluations: number }> {
    const { numInferenceSteps, guidanceScale } = sampler
    const config = { ...this.model.scheduler, type: sampler.scheduler }
    const scheduler = createScheduler(config, numInferenceSteps, requests.length)
    const { conditionWidth } = this.denoiser
    this.assertGuidable(conditionWidth !== null)
    // A consistency model has guidance inside: it takes the scale as an input and is run once a step.
    const scale = conditionWidth === null ? guidanceScale : 0
    const guidance = createGuidance(this.inference, scale, numInferenceSteps, this.model.latent)
    const timestepCond = conditionWidth === null ? null : guidanceEmbedding(guidanceScale, conditionWidth)
    const embeds = await conditionEmbeds(
      this.text,
      guidance.conditions,
      requests.map(({ text }) => text),
      this.inference,
      this.options.softText,
    )
    await this.leave(this.text.stage)
    if (this.options.softText) await this.leave(this.options.softText.stage)
    const { channels, height, width } = this.model.latent
    const length = channels * height * width
    const steps = scheduler.timesteps.length
    const noise = batchNoise(
      sampler.noise,
      requests.map(({ seed }) => seed),
      length,
      scheduler.usesNoise ? steps : 0,
    )
    const initial: Float32Array = noise.initial.map((value) => value * scheduler.initNoiseSigma)
    const samples = embeds.arrays.length
    const unet = await this.denoiser.stage.graph()
    const loop = (await this.options.gpuLoop?.()) ?? null
    const onGpu = gpuPlan(loop, this.denoiser, samples, length, config, sampler, this.inference)
    if (onGpu) {
      const finished = await onGpu.loop.denoise({
        unet,
        initial,
        latentDims: [channels, height, width],
        embeds: embeds.arrays,
        embedShape: embeds.shape,
        steps: onGpu.steps,
        guidanceScale,
        signal,
        onLatents: trace.onLatents,
      })
      if (!finished.every(Number.isFinite) && (await this.denoiser.stage.widen()))
        return this.denoise(requests, sampler, signal, trace)
      await this.leave(this.denoiser.stage)
      return { latents: finished, unetEvaluations: samples * steps }
    }
    const latents = await this.loop({ initial, scheduler, guidance, embeds, timestepCond, noise }, signal, trace)
    await this.leave(this.denoiser.stage)
    return { latents, unetEvaluations: samples * steps }
  }

  /** The denoising loop, one prediction of the U-Net a step. */
  private async loop(
    { initial, scheduler, guidance, embeds, timestepCond, noise }: LoopInput,
    signal: AbortSignal | undefined,
    trace: PipelineTrace,
  ): Promise<Float32Array> {
    let latents = initial
    const { redirector } = this.options
    const prompts = guidance.conditions.indexOf('conditional')
    const redirected = redirector ? new Redirected(redirector, embeds, prompts, initial.length) : null
    for (const [i, timestep] of scheduler.timesteps.entries()) {
      await yieldToMessages()
      throwIfAborted(signal)
      const scaled = scheduler.scaleModelInput(latents, i)
      const repeated = new Float32Array(guidance.conditions.length * scaled.length)
      guidance.conditions.forEach((_, k) => repeated.set(scaled, k * scaled.length))
      const predicted = await this.denoiser.predict({
        samples: repeated,
        embeds: redirected ? redirected.next(latents, timestep) : embeds.arrays,
        embedShape: embeds.shape,
        timestep,
        timestepCond,
      })
      const byCondition = Object.fromEntries(
        guidance.conditions.map((condition, k) => [
          condition,
          predicted.subarray(k * scaled.length, (k + 1) * scaled.length),
        ]),
      )
      latents = scheduler.step(
        guidance.combine(byCondition, i),
        i,
        latents,
        scheduler.usesNoise ? noise.step(i) : undefined,
      )
      trace.onLatents?.(latents, i)
    }
    return latents
  }

  private assertGuidable(consistency: boolean): void {
    if (!consistency || !this.inference || !changesPrediction(this.inference.method)) return
    throw new SpqrError(
      'BAD_INPUT',
      `${GUIDANCE[this.inference.method].name} steers by classifier-free guidance, which a latent consistency model does not have.`,
      'Use another alignment with this model.',
    )
  }

  private async leave(stage: Pick<Stage, 'release'>): Promise<void> {
    if (this.options.oneAtATime) await stage.release()
  }

  private async decode(latents: Float32Array, count: number, trace: PipelineTrace): Promise<Picture[]> {
    const { image, latent } = this.model
    const length = latent.channels * latent.height * latent.width
    const fixed = fixedBatch(this.decoder.ports.inputs[0]?.dims)
    const most = fixed ?? Math.max(1, Math.floor(DECODED_PIXELS / (image.height * image.width)))
    const pictures: Picture[] = []
    const samples: Float32Array[] = []
    for (let start = 0; start < count; start += most) {
      const part = latents.subarray(start * length, Math.min(count, start + most) * length)
      const decoded = await this.decodePart(part, sureRows(fixed, most, part.length / length))
      pictures.push(...decoded.map(({ picture }) => picture))
      samples.push(...decoded.map(({ sample }) => sample))
    }
    if (trace.onSample) trace.onSample(joined(samples))
    return pictures
  }

  /**
   * Pictures of some latents in one run of `rows`, which copies of the last fill up; again in float32 where half precision
   * breaks one.
   */
  private async decodePart(latents: Float32Array, rows: number): Promise<{ picture: Picture; sample: Float32Array }[]> {
    const { channels, height, width, scalingFactor, shiftFactor } = this.model.latent
    const { image } = this.model
    const length = channels * height * width
    const count = latents.length / length
    const size = 3 * image.height * image.width
    const scaled = new Float32Array(rows * length)
    latents.forEach((value, i) => {
      scaled[i] = Math.fround(value / scalingFactor) + shiftFactor
    })
    for (let i = count; i < rows; i++) scaled.copyWithin(i * length, (count - 1) * length, count * length)
    return this.decoder.sure(
      async (graph) => {
        const outputs = await graph.run({
          [this.decoder.ports.inputs[0]?.name ?? 'latent_sample']: {
            data: scaled,
            dims: [rows, channels, height, width],
          },
        })
        const sample = outputs['sample'] ?? Object.values(outputs)[0]
        if (!sample || sample.data.length !== rows * size) {
          throw new SpqrError(
            'GRAPH_MISMATCH',
            `The decoder answers ${sample?.data.length ?? 0} numbers for ${rows} pictures of ${image.height}×${image.width}.`,
            'Publish the pack with a decoder in SD layout.',
          )
        }
        return Array.from({ length: count }, (_, i) => pictureOf(sample.data.subarray(i * size, (i + 1) * size), image))
      },
      (decoded) => decoded.some(({ picture }) => picture.status === 'broken') && latents.every(Number.isFinite),
    )
  }
}

function pictureOf(
  sample: Float32Array,
  { height, width }: DiffusionModel['image'],
): { picture: Picture; sample: Float32Array } {
  const rgb = toRgb(sample, height, width)
  const error = brokenPicture(sample, rgb)
  return { sample, picture: error ? { status: 'broken', error } : { status: 'made', height, width, rgb } }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
