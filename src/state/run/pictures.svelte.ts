/** Pictures by work unit, kept as pixels so that every view draws them the same way. */
import { SvelteMap, SvelteSet } from 'svelte/reactivity'
import type { GeneratedImage } from '../../core/contracts'

export interface Picture {
  width: number
  height: number
  /** RGBA, row-major. */
  pixels: ImageData
}

/** Widens RGB to the RGBA that a canvas takes; alpha is opaque. */
export function toPixels(image: Pick<GeneratedImage, 'width' | 'height' | 'rgb'>): ImageData {
  const rgba = new Uint8ClampedArray(image.width * image.height * 4)
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4) {
    rgba[to] = image.rgb[from] ?? 0
    rgba[to + 1] = image.rgb[from + 1] ?? 0
    rgba[to + 2] = image.rgb[from + 2] ?? 0
    rgba[to + 3] = 255
  }
  return new ImageData(rgba, image.width, image.height)
}

/** Pixels of pictures that arrived and that nothing on the page asked for again; more are left to the source. */
export const LOOSE_BYTES = 64 * 2 ** 20

/**
 * A lookup that fills itself: pictures that arrive live are put in, those of a stored run are fetched
 * when a tile first asks for them. A picture that nobody kept stays absent, and the tile says so.
 */
export class Pictures {
  readonly #known = new SvelteMap<string, Picture>()
  readonly #absent = new SvelteSet<string>()
  /** Units that were asked for; not reactive, nothing is drawn from it. */
  #asked: Record<string, true> = {}
  /** Pictures that arrived live, oldest first, with their bytes: the source has them too. */
  #loose: { unitId: string; bytes: number }[] = []
  #looseBytes = 0
  #source: ((unitId: string) => Promise<GeneratedImage | null>) | null = null

  /** Starts over with another source (a stored run); null when pictures only arrive live. */
  reset(source: ((unitId: string) => Promise<GeneratedImage | null>) | null): void {
    this.#known.clear()
    this.#absent.clear()
    this.#asked = {}
    this.#loose = []
    this.#looseBytes = 0
    this.#source = source
  }

  put(unitId: string, image: Pick<GeneratedImage, 'width' | 'height' | 'rgb'>): void {
    this.putPixels(unitId, toPixels(image))
  }

  /** A picture that was just made and is stored: in a long run the oldest make way, and come back when a tile asks. */
  arrived(unitId: string, image: Pick<GeneratedImage, 'width' | 'height' | 'rgb'>): void {
    this.put(unitId, image)
    if (this.#source === null) return
    const bytes = 4 * image.width * image.height
    this.#loose.push({ unitId, bytes })
    this.#looseBytes += bytes
    while (this.#looseBytes > LOOSE_BYTES) {
      const oldest = this.#loose.shift()
      if (!oldest) return
      this.#looseBytes -= oldest.bytes
      // A tile that shows it asks for it; what was asked for stays.
      this.#known.delete(oldest.unitId)
    }
  }

  putPixels(unitId: string, pixels: ImageData): void {
    this.#known.set(unitId, { width: pixels.width, height: pixels.height, pixels })
  }

  get(unitId: string): Picture | undefined {
    return this.#known.get(unitId)
  }

  /** True once it is certain that there is no picture of this unit here. */
  absent(unitId: string): boolean {
    return this.#absent.has(unitId)
  }

  /** Asks the source for a picture, once. */
  async want(unitId: string): Promise<void> {
    const source = this.#source
    if (this.#asked[unitId] || this.#known.has(unitId)) return
    this.#asked[unitId] = true
    const image = source ? await source(unitId).catch(() => null) : null
    if (source !== this.#source) return
    if (image) this.put(unitId, image)
    else if (!this.#known.has(unitId)) this.#absent.add(unitId)
  }
}
