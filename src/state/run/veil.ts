/**
 * Pictures of models other than the classroom pack are blurred until somebody asks to see them: in the gallery, on the
 * wall, in dialogs and in exports. The blur is in the pixels, so that a copied or saved canvas is blurred too.
 */
import type { RunSpec } from '../../core/contracts'

/** Packs whose every picture is fit for a classroom. */
const OPEN_MODELS = new Set(['pictogram'])
/** Cells along a side: enough to tell pictures apart, too few to tell what they show. */
export const VEIL_CELLS = 6

export function needsVeil({ model }: Pick<RunSpec, 'model'>): boolean {
  return !OPEN_MODELS.has(model.id)
}

export interface Pixels {
  width: number
  height: number
  data: Uint8ClampedArray
}

/** The means of VEIL_CELLS × VEIL_CELLS cells, joined smoothly. RGBA, row-major, opaque; the input stays as it is. */
export function veil({ width, height, data }: Pixels): Uint8ClampedArray<ArrayBuffer> {
  const [columns, rows] = [Math.min(VEIL_CELLS, width), Math.min(VEIL_CELLS, height)]
  const cells = cellMeans({ width, height, data }, columns, rows)
  const out = new Uint8ClampedArray(width * height * 4)
  const xs = Array.from({ length: width }, (_, x) => between((x + 0.5) / width, columns))
  for (let y = 0; y < height; y++) {
    const row = between((y + 0.5) / height, rows)
    for (let x = 0; x < width; x++) {
      const column = xs[x]!
      const at = 4 * (y * width + x)
      for (let c = 0; c < 3; c++) {
        const top = mix(cells, row.low * columns, column, c)
        out[at + c] = top + (mix(cells, row.high * columns, column, c) - top) * row.part
      }
      out[at + 3] = 255
    }
  }
  return out
}

interface Between {
  low: number
  high: number
  part: number
}

/** Cells around a place in [0, 1], and how far it lies from the first to the second. */
function between(place: number, cells: number): Between {
  const at = Math.min(cells - 1, Math.max(0, place * cells - 0.5))
  const low = Math.floor(at)
  return { low, high: Math.min(cells - 1, low + 1), part: at - low }
}

function mix(cells: Float64Array, row: number, { low, high, part }: Between, c: number): number {
  const [a, b] = [cells[3 * (row + low) + c]!, cells[3 * (row + high) + c]!]
  return a + (b - a) * part
}

function cellMeans({ width, height, data }: Pixels, columns: number, rows: number): Float64Array {
  const sums = new Float64Array(3 * columns * rows)
  const counts = new Float64Array(columns * rows)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)
      counts[cell]!++
      for (let c = 0; c < 3; c++) sums[3 * cell + c]! += data[4 * (y * width + x) + c]!
    }
  }
  return sums.map((sum, i) => sum / counts[Math.floor(i / 3)]!)
}
