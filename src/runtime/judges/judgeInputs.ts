/** What a judge's network is shown: preprocessing dispatched by the manifest's named mode. */
import { SpqrError, type Judge, type Preprocessing } from '../../core/contracts'
import {
  cleanFidInput,
  clipInput,
  nsfwjsInput,
  nudeNetInput,
  openNsfwInput,
  rgbUnitInput,
  torchFidelityInput,
  vitInput,
  type RgbImage,
} from '../../core/metrics'
import type { Values } from '../generator/graph'

/** Side of NudeNet's and of Inception's input. */
const NUDENET_SIDE = 320
const INCEPTION_SIDE = 299
const OPEN_NSFW_SIDE = 224

/** Height and width of the input that a mode makes. */
export function inputSize(preprocessing: Preprocessing): [height: number, width: number] {
  switch (preprocessing.mode) {
    case 'rgb-unit':
      return [preprocessing.height, preprocessing.width]
    case 'clip':
    case 'vit':
    case 'siglip':
    case 'nsfwjs':
      return [preprocessing.size, preprocessing.size]
    case 'open-nsfw':
      return [OPEN_NSFW_SIDE, OPEN_NSFW_SIDE]
    case 'clean-fid':
    case 'torch-fidelity':
      return [INCEPTION_SIDE, INCEPTION_SIDE]
    case 'nudenet':
      return [NUDENET_SIDE, NUDENET_SIDE]
  }
}

/** Planes [3, height, width] of one picture. */
export function inputPlanes(picture: RgbImage, preprocessing: Preprocessing): Float32Array {
  switch (preprocessing.mode) {
    case 'rgb-unit':
      return rgbUnitInput(picture, preprocessing.width, preprocessing.height, preprocessing.mean, preprocessing.std)
    case 'clip':
      return clipInput(picture, preprocessing.size, preprocessing.mean, preprocessing.std)
    case 'vit':
      return vitInput(picture, preprocessing.size, preprocessing.mean, preprocessing.std, preprocessing.filter)
    case 'siglip':
      return vitInput(picture, preprocessing.size, undefined, undefined, 'bicubic')
    case 'clean-fid':
      return cleanFidInput(picture)
    case 'torch-fidelity':
      return torchFidelityInput(picture)
    case 'open-nsfw':
      return openNsfwInput(picture)
    case 'nsfwjs':
      return nsfwjsInput(picture, preprocessing.size)
    case 'nudenet':
      return nudeNetInput(picture, preprocessing.channelOrder)
  }
}

/** [n, 3, height, width] of a batch, or [n, height, width, 3]. */
export function pixelValues(
  pictures: readonly RgbImage[],
  preprocessing: Preprocessing,
  layout: 'nchw' | 'nhwc' = 'nchw',
): Values & { data: Float32Array } {
  const [height, width] = inputSize(preprocessing)
  const length = 3 * height * width
  const data = new Float32Array(pictures.length * length)
  pictures.forEach((picture, n) => {
    const planes = inputPlanes(picture, preprocessing)
    data.set(layout === 'nhwc' ? interleaved(planes) : planes, n * length)
  })
  return { data, dims: layout === 'nhwc' ? [pictures.length, height, width, 3] : [pictures.length, 3, height, width] }
}

/** Planes as pixels: the three values of each beside each other. */
function interleaved(planes: Float32Array): Float32Array {
  const size = planes.length / 3
  return planes.map((_, i) => planes[(i % 3) * size + Math.floor(i / 3)] ?? 0)
}

/** Whether a judge can look at a picture; an error for this picture otherwise. Only `rgb-unit` asks for its own size. */
export function assertPicture({ id, preprocessing }: Judge, { width, height, rgb }: RgbImage): void {
  if (rgb.length !== 3 * width * height)
    throw new SpqrError(
      'BAD_IMAGE',
      `A picture of ${width}×${height} pixels came with ${rgb.length} bytes instead of three a pixel.`,
    )
  if (preprocessing.mode === 'rgb-unit' && (width !== preprocessing.width || height !== preprocessing.height)) {
    throw new SpqrError(
      'BAD_INPUT',
      `Judge ${id} looks at pictures of ${preprocessing.width}×${preprocessing.height} pixels, this one has ${width}×${height}.`,
      'Scale the picture to that size first.',
    )
  }
}
