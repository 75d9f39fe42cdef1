/** Layers of the small networks of guards, read from the files that come with a pack. */
import type { SafetensorsFile } from '../adapters'
import { allFinite } from '../finite'

/** A layer y = W·x + b; `weight` row-major [rows, columns]. */
export interface Linear {
  weight: Float32Array
  bias: Float32Array
  rows: number
  columns: number
}

/** Layer `name` of a file. Throws what `unfit` makes of the reason where it is missing, broken or not finite. */
export function linear(file: SafetensorsFile, name: string, unfit: (why: string) => Error): Linear {
  const [weight, bias] = [file.tensors.get(`${name}.weight`), file.tensors.get(`${name}.bias`)]
  const [rows, columns] = weight?.shape ?? []
  if (!weight || !bias || rows === undefined || columns === undefined || bias.shape[0] !== rows)
    throw unfit(`its layer "${name}" is missing or has no shape of a layer`)
  const layer = { weight: weight.floats(), bias: bias.floats(), rows, columns }
  if (allFinite(layer.weight) && allFinite(layer.bias)) return layer
  throw unfit(`its layer "${name}" holds a value that is no number`)
}

/** Throws what `unfit` makes of the reason where a layer is not rows × columns. */
export function assertLayer(
  { rows, columns }: Linear,
  name: string,
  wanted: readonly [rows: number, columns: number],
  unfit: (why: string) => Error,
): void {
  if (rows === wanted[0] && columns === wanted[1]) return
  throw unfit(`its layer "${name}" is ${rows} × ${columns}, not ${wanted[0]} × ${wanted[1]}`)
}

/** W·x + b in float64. */
export function apply({ weight, bias, rows, columns }: Linear, x: ArrayLike<number>): number[] {
  const y: number[] = []
  for (let r = 0; r < rows; r++) {
    let sum = bias[r] ?? 0
    const at = r * columns
    for (let c = 0; c < columns; c++) sum += (weight[at + c] ?? 0) * (x[c] ?? 0)
    y.push(sum)
  }
  return y
}
