import type { SchedulerConfig } from '../contracts'

/**
 * Holds the predicted clean sample in bounds, in place: dynamic thresholding per picture (Saharia et al., NeurIPS 2022,
 * section 2.3: to its own quantile s of |x₀|, then divided by s), or a plain clip. As diffusers' `_threshold_sample`.
 * @param clip whether `clipSample` holds where the configuration does not say
 */
export function limitClean(config: SchedulerConfig, clean: Float32Array, pictures: number, clip: boolean): void {
  if (config.thresholding) {
    const length = clean.length / pictures
    for (let i = 0; i < pictures; i++) threshold(config, clean.subarray(i * length, (i + 1) * length))
    return
  }
  if (!(config.clipSample ?? clip)) return
  const range = config.clipSampleRange ?? 1
  for (let i = 0; i < clean.length; i++) clean[i] = Math.max(-range, Math.min(range, clean[i] ?? 0))
}

function threshold(
  { dynamicThresholdingRatio = 0.995, sampleMaxValue = 1 }: SchedulerConfig,
  clean: Float32Array,
): void {
  const sizes = clean.map(Math.abs).sort()
  const at = dynamicThresholdingRatio * (sizes.length - 1)
  const [low, high] = [sizes[Math.floor(at)] ?? 0, sizes[Math.ceil(at)] ?? 0]
  const quantile = low + (high - low) * (at - Math.floor(at))
  const s = Math.min(Math.max(quantile, 1), Math.max(sampleMaxValue, 1))
  for (let i = 0; i < clean.length; i++) clean[i] = Math.max(-s, Math.min(s, clean[i] ?? 0)) / s
}
