/** The noise schedule a model was trained with, in torch's float32 steps, so that samplers start from equal numbers. */
import { SpqrError, type SchedulerConfig } from '../contracts'
import { sinCosOfTurns } from '../exact'

/** ᾱ_t for t = 0 … T − 1: the running product of 1 − β. Values are float32. */
export function trainedAlphasCumprod(config: SchedulerConfig): Float32Array {
  if (config.predictionType === 'flow') {
    throw new SpqrError(
      'BAD_INPUT',
      `${config.type} cannot sample a flow-matching model.`,
      'Choose FlowMatchEulerDiscreteScheduler or DPMSolverMultistepScheduler.',
    )
  }
  const betas = trainedBetas(config)
  // PNDM has no such setting in diffusers: a configuration that carries it over is read without.
  if (!config.rescaleBetasZeroSnr || config.type === 'PNDMScheduler') return runningProduct(betas)
  const alphasCumprod = runningProduct(zeroTerminalSnr(betas))
  if (FINITE_SIGMA.includes(config.type)) alphasCumprod[alphasCumprod.length - 1] = 2 ** -24
  return alphasCumprod
}

/** Samplers whose first σ would be infinite at zero SNR; diffusers puts the smallest half-precision number there. */
const FINITE_SIGMA: readonly SchedulerConfig['type'][] = [
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'DPMSolverMultistepScheduler',
]

function runningProduct(betas: Float32Array): Float32Array {
  const alphasCumprod = new Float32Array(betas.length)
  let product = 1
  for (let t = 0; t < betas.length; t += 1) {
    product *= Math.fround(1 - (betas[t] ?? 0))
    alphasCumprod[t] = product
  }
  return alphasCumprod
}

/** Lin et al. (WACV 2024), algorithm 1: √ᾱ shifted to end at 0 and scaled to begin where it did; float32 as torch. */
function zeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = runningProduct(betas).map(Math.sqrt)
  const [first, last] = [roots[0] ?? 1, roots.at(-1) ?? 0]
  const scale = Math.fround(first / Math.fround(first - last))
  const alphaBar = roots.map((root) => {
    const scaled = Math.fround(Math.fround(root - last) * scale)
    return scaled * scaled
  })
  return alphaBar.map((value, t) => 1 - Math.fround(t === 0 ? value : value / (alphaBar[t - 1] ?? 1)))
}

/** σ_t = √((1 − ᾱ)/ᾱ), noise over signal. */
export function noiseToSignal(alphasCumprod: Float32Array): Float32Array {
  return alphasCumprod.map((alpha) => Math.sqrt(Math.fround(Math.fround(1 - alpha) / alpha)))
}

function trainedBetas(config: SchedulerConfig): Float32Array {
  const { betaStart, betaEnd, betaSchedule, numTrainTimesteps, type } = config
  if (betaSchedule === 'squaredcos_cap_v2') return cosineBetas(numTrainTimesteps)
  if (betaStart === undefined || betaEnd === undefined || betaSchedule === undefined) {
    throw new SpqrError(
      'MANIFEST_INVALID',
      `${type} needs betaStart, betaEnd and betaSchedule in the model's manifest.`,
      'Copy them from scheduler_config.json of the model.',
    )
  }
  return betaSchedule === 'linear'
    ? linspace32(betaStart, betaEnd, numTrainTimesteps)
    : linspace32(Math.sqrt(betaStart), Math.sqrt(betaEnd), numTrainTimesteps).map((root) => root * root)
}

/** torch.linspace in float32: counted from the nearer end. */
function linspace32(start: number, end: number, steps: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)]
  const step = Math.fround(Math.fround(last - first) / (steps - 1))
  const value = (i: number) => (i < steps / 2 ? first + step * i : last - step * (steps - i - 1))
  return Float32Array.from({ length: steps }, (_, i) => value(i))
}

/** Nichol and Dhariwal (ICML 2021), eq. 17: β from ᾱ(t) = cos²(π/2·(t + 0.008)/1.008), at most 0.999. */
function cosineBetas(steps: number): Float32Array {
  const sinCos = new Float64Array(2)
  const alphaBar = (t: number) => {
    sinCosOfTurns((t + 0.008) / 1.008 / 4, sinCos)
    return (sinCos[1] ?? 0) ** 2
  }
  const beta = (i: number) => Math.min(1 - alphaBar((i + 1) / steps) / alphaBar(i / steps), 0.999)
  return Float32Array.from({ length: steps }, (_, i) => beta(i))
}

/**
 * Refuses a model that predicts noise at a timestep without any signal: its clean sample would be 0 / 0.
 * @throws SpqrError BAD_INPUT
 */
export function checkSignal(config: SchedulerConfig, timesteps: Float32Array, alphasCumprod: Float32Array): void {
  if (config.predictionType !== 'epsilon' || timesteps.every((t) => (alphasCumprod[t] ?? 1) > 0)) return
  throw new SpqrError(
    'BAD_INPUT',
    `${config.type} cannot begin at pure noise (rescale_betas_zero_snr) with a model that predicts noise.`,
    'Choose EulerDiscreteScheduler.',
  )
}
