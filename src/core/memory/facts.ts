/** What the memory plan needs to know of a published model, from its manifest. */
import type { ModelComponent, ModelManifest } from '../contracts'
import type { StageFacts, VariantFacts } from './plan'

function stage(name: string, part: ModelComponent): StageFacts {
  if (!('onnx' in part)) return { name, files: [part.weights.bytes], largestTensor: null, half: false }
  const lengths = part.weights.map(({ length }) => length)
  return {
    name,
    files: [part.onnx.bytes, ...part.data.map(({ file }) => file.bytes)],
    // 4-bit weights leave the rest, and the arithmetic, in half precision.
    half:
      part.precision === 'float16' ||
      (part.precision === 'quantised' && part.weights.some(({ dtype }) => dtype === 'F16')),
    largestTensor: lengths.length > 0 ? Math.max(...lengths) : null,
  }
}

/** Stages in loading order. */
export function variantFacts(variant: string, { model }: Pick<ModelManifest, 'model'>): VariantFacts {
  return {
    name: variant,
    stages: [
      stage('text encoder', model.textEncoder),
      stage('U-Net', model.unet),
      stage('VAE decoder', model.vaeDecoder),
    ],
  }
}

/** U-Nets of files larger than this are let go before the next one is loaded. */
export const KEPT_BYTES = 64 * 2 ** 20
/** Base, aligned and fine-tuned. */
const KEPT_SMALL = 3

/**
 * How many variants of a model stay loaded side by side: all three stages of a small one, so that they can be drawn in
 * turn; one of a large one.
 */
export function variantsKept({ model: { unet } }: Pick<ModelManifest, 'model'>): number {
  return 'graph' in unet && unet.weights.bytes <= KEPT_BYTES ? KEPT_SMALL : 1
}
