/**
 * The denoising loop with every tensor on the GPU: the U-Net reads and writes GPU buffers, and one small kernel applies
 * guidance and the sampler's step between runs. Only the finished latents come back. For samplers whose step is linear,
 * x ← a·x + b·prediction, without memory or noise; others take the loop through main memory.
 *
 * onnxruntime's graph capture (`enableGraphCapture`) is not used. With 1.31.0-dev.20260914 on SwiftShader, shapes fixed and
 * every tensor in a buffer of ours, the session is made and its first run agrees, but the replays give the first run's
 * output again although the buffers of the inputs were written anew: silently wrong pictures.
 */
import { createScheduler } from '../../core/schedulers'
import { SpqrError, type InferenceAlignment, type SamplerSpec, type SchedulerConfig } from '../../core/contracts'
import { GUIDANCE } from '../../core/methods'
import type { Denoiser } from './denoiser'
import { throwIfAborted, yieldToMessages } from '../events'
import type { Graph } from './graph'
import type { OrtRuntime } from '../ort'
import type { Ports } from './stage'

export interface LinearStep {
  timestep: number
  a: number
  b: number
  /** Factor on the sample that the U-Net sees. */ scale: number
}

const MEMORYLESS = ['FlowMatchEulerDiscreteScheduler', 'EulerDiscreteScheduler', 'DDIMScheduler']
const WORKGROUP = 64
const MAX_ELEMENTS = WORKGROUP * 65535

/** The coefficients of every step, probed from the sampler itself; null when its steps are not linear. */
export function linearSteps(config: SchedulerConfig, numInferenceSteps: number): LinearStep[] | null {
  if (!MEMORYLESS.includes(config.type)) return null
  // A limit on the clean sample is not linear, wherever the probes below may lie.
  if (config.type === 'DDIMScheduler' && (config.thresholding || (config.clipSample ?? true))) return null
  const scheduler = createScheduler(config, numInferenceSteps)
  if (scheduler.usesNoise) return null
  const step = (prediction: number, i: number, sample: number) =>
    scheduler.step(Float32Array.of(prediction), i, Float32Array.of(sample))[0]!
  const steps: LinearStep[] = []
  for (const [i, timestep] of scheduler.timesteps.entries()) {
    const [a, b] = [step(0, i, 1), step(1, i, 0)]
    const linear = [
      [40, 0.5],
      [-0.5, -40],
    ].every(([x, y]) => Math.abs(step(y!, i, x!) - (a * x! + b * y!)) <= 1e-4 * (Math.abs(a * x!) + Math.abs(b * y!)))
    if (!linear) return null
    steps.push({ timestep, a, b, scale: scheduler.scaleModelInput(Float32Array.of(1), i)[0]! })
  }
  return steps
}

/** The GPU loop and its steps where it can do this run; null when the loop has to go through main memory. */
export function gpuPlan(
  gpu: GpuLoop | null,
  denoiser: Denoiser,
  samples: number,
  length: number,
  config: SchedulerConfig,
  sampler: SamplerSpec,
  inference: InferenceAlignment | null,
): { loop: GpuLoop; steps: LinearStep[] } | null {
  if (
    !gpu ||
    denoiser.fixed ||
    samples > denoiser.limit ||
    !linearGuidance(inference) ||
    !GpuLoop.fits(denoiser.stage.ports, samples * length)
  )
    return null
  const steps = linearSteps(config, sampler.numInferenceSteps)
  return steps && { loop: gpu, steps }
}

/** Whether guidance is from + g·(to − from), or nothing at all. */
export function linearGuidance(inference: InferenceAlignment | null): boolean {
  return inference === null || GUIDANCE[inference.method].linear
}

const KERNEL = /* wgsl */ `
struct Step { n: u32, guided: u32, a: f32, b: f32, g: f32, scale: f32 }
@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> latents: array<f32>;
@group(0) @binding(2) var<storage, read> predicted: array<f32>;
@group(0) @binding(3) var<storage, read_write> sample: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= step.n) { return; }
  var prediction = predicted[i];
  if (step.guided == 1u) { prediction = prediction + step.g * (predicted[step.n + i] - prediction); }
  let next = step.a * latents[i] + step.b * prediction;
  latents[i] = next;
  sample[i] = next * step.scale;
  if (step.guided == 1u) { sample[step.n + i] = next * step.scale; }
}`

export interface GpuDenoiseInput {
  unet: Graph
  /** Starting latents, [batch, channels, height, width] flattened. */
  initial: Float32Array
  latentDims: readonly [number, number, number]
  /** Condition by condition for the whole batch; one condition or two (from, to). */
  embeds: readonly Float32Array[]
  embedShape: readonly [number, number]
  steps: readonly LinearStep[]
  guidanceScale: number
  signal: AbortSignal | undefined
  onLatents?: ((latents: Float32Array, stepIndex: number) => void) | undefined
}

/** The kernel's uniform: how many values, whether they are guided, and a, b, the guidance scale, the next scale. */
function settingsOf(n: number, guided: boolean, factors: readonly number[]): ArrayBuffer {
  const settings = new DataView(new ArrayBuffer(32))
  settings.setUint32(0, n, true)
  settings.setUint32(4, guided ? 1 : 0, true)
  factors.forEach((value, k) => settings.setFloat32(8 + 4 * k, value, true))
  return settings.buffer
}

/** The first latents, scaled, once for each condition. */
function scaledSamples(initial: Float32Array, conditions: number, scale: number): Float32Array {
  const samples = new Float32Array(conditions * initial.length)
  const scaled = initial.map((value) => value * scale)
  for (let k = 0; k < conditions; k++) samples.set(scaled, k * initial.length)
  return samples
}

export class GpuLoop {
  private constructor(
    private readonly runtime: OrtRuntime,
    private readonly device: GPUDevice,
    private readonly pipeline: GPUComputePipeline,
  ) {}

  /** On onnxruntime's own device, which exists once a session does. */
  static async create(runtime: OrtRuntime): Promise<GpuLoop> {
    const device = await runtime.ort.env.webgpu.device
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: KERNEL }), entryPoint: 'main' },
    })
    return new GpuLoop(runtime, device, pipeline)
  }

  /** Whether the graph takes float32 samples and nothing beside the three usual inputs, and the batch fits the kernel. */
  static fits({ inputs, outputs }: Ports, elements: number): boolean {
    const floats = [...inputs, ...outputs].every(({ name, dtype }) => name === 'timestep' || dtype === 'float32')
    return floats && inputs.length === 3 && outputs.length === 1 && elements <= MAX_ELEMENTS
  }

  /** The latents after all steps. Throws ABORTED between steps, DEVICE_LOST, MEMORY. */
  async denoise(input: GpuDenoiseInput): Promise<Float32Array> {
    const { device } = this
    const owned: GPUBuffer[] = []
    const buffer = (bytes: number, usage: number, data?: Float32Array) => {
      const made = device.createBuffer({ size: Math.ceil(bytes / 16) * 16, usage })
      owned.push(made)
      if (data) device.queue.writeBuffer(made, 0, data.slice())
      return made
    }
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const { initial, embeds, embedShape, steps, unet } = input
    const n = initial.length
    const conditions = embeds.length / (n / input.latentDims.reduce((a, b) => a * b, 1))
    const samples = scaledSamples(initial, conditions, steps[0]?.scale ?? 1)
    const hidden = new Float32Array(embeds.length * embedShape[0] * embedShape[1])
    embeds.forEach((embed, i) => hidden.set(embed, i * embed.length))
    try {
      const latents = buffer(4 * n, storage, initial)
      const sample = buffer(4 * samples.length, storage, samples)
      const predicted = buffer(4 * samples.length, storage)
      const context = buffer(4 * hidden.length, storage, hidden)
      const uniform = buffer(32, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
      const bindings = device.createBindGroup({
        layout: this.pipeline.getBindGroupLayout(0),
        entries: [uniform, latents, predicted, sample].map((resource, binding) => ({
          binding,
          resource: { buffer: resource },
        })),
      })
      const { Tensor } = this.runtime.ort
      const sampleDims = [embeds.length, ...input.latentDims]
      const tensor = (gpuBuffer: GPUBuffer, dims: readonly number[]) =>
        Tensor.fromGpuBuffer(gpuBuffer, { dataType: 'float32', dims })
      const feeds = {
        sample: tensor(sample, sampleDims),
        encoder_hidden_states: tensor(context, [embeds.length, ...embedShape]),
      }
      const fetches = { [unet.component.outputs[0]!.name]: tensor(predicted, sampleDims) }
      for (const [i, { timestep, a, b }] of steps.entries()) {
        await yieldToMessages()
        throwIfAborted(input.signal)
        await unet.runTensors({ ...feeds, timestep: unet.timestep(timestep, embeds.length) }, fetches)
        // The sample for the next run is scaled by the next step's factor.
        const factors = [a, b, input.guidanceScale, steps[i + 1]?.scale ?? 1]
        device.queue.writeBuffer(uniform, 0, settingsOf(n, conditions === 2, factors))
        this.dispatch(bindings, n)
        if (input.onLatents) input.onLatents(await this.read(latents, n), i)
      }
      return await this.read(latents, n)
    } finally {
      for (const made of owned) made.destroy()
    }
  }

  /** One scheduler step of `n` values. */
  private dispatch(bindings: GPUBindGroup, n: number): void {
    const encoder = this.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(this.pipeline)
    pass.setBindGroup(0, bindings)
    pass.dispatchWorkgroups(Math.ceil(n / WORKGROUP))
    pass.end()
    this.device.queue.submit([encoder.finish()])
  }

  private async read(source: GPUBuffer, length: number): Promise<Float32Array> {
    const target = this.device.createBuffer({
      size: 4 * length,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(source, 0, target, 0, 4 * length)
    this.device.queue.submit([encoder.finish()])
    try {
      await target.mapAsync(GPUMapMode.READ)
    } catch (thrown) {
      // An AbortError: nobody stopped anything, the device is gone.
      throw new SpqrError(
        'DEVICE_LOST',
        `The graphics device was lost while the latents were read back: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        'Run again; choose WASM if it happens again.',
      )
    }
    const values = new Float32Array(target.getMappedRange().slice(0))
    target.destroy()
    return values
  }
}
