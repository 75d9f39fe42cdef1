/** From one weight's tensors in an adapter file to the function that changes that weight in place. */
import { SpqrError } from '../contracts/errors'
import { allFinite } from '../finite'
import { misshaped } from './foreign'
import type { Family, Part } from './keys'
import { addDora, addLowRank, foldTucker, type Factors } from './lowRank'
import type { Tensor } from './safetensors'
import type { Scales } from './scales'

export interface Named {
  key: string
  tensor: Tensor
}
export type Group = Partial<Record<Part, Named>> & { family: Family; module: string }

/** Changes a weight (float32, row-major) in place. */
export type Target = (weight: Float32Array) => void

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`

function finiteFloats(file: string, { key, tensor }: Named): Float32Array {
  const floats = tensor.floats()
  if (!allFinite(floats)) {
    throw new SpqrError(
      'ADAPTER_NAN',
      `"${file}": the tensor "${key}" holds a value that is not a finite number.`,
      "The adapter's training went wrong; use another checkpoint of it.",
    )
  }
  return floats
}

export function readFactors(file: string, group: Group, shape: readonly number[]): Factors {
  const { down, up, mid } = group
  const present = Object.values(group).find((part): part is Named => typeof part === 'object')
  if (!down || !up)
    throw misshaped(file, present?.key ?? group.module, `has no ${down ? 'up (B)' : 'down (A)'} matrix beside it`)
  if (shape.length !== 2 && shape.length !== 4)
    throw misshaped(file, down.key, `targets a weight of shape ${show(shape)}, which is neither linear nor convolution`)
  const rank = down.tensor.shape[0] ?? 0
  if (rank === 0 || product(down.tensor.shape) === 0) throw misshaped(file, down.key, 'has rank 0')
  const [rows, inputs] = [shape[0]!, shape[1]!]
  const kernel = product(shape.slice(2))
  const wanted = mid ? [rank, inputs] : [rank, inputs, ...shape.slice(2)]
  const same = (actual: readonly number[], expected: readonly number[]): boolean =>
    actual.slice(0, 2).every((n, i) => n === expected[i]) &&
    actual.length >= 2 &&
    product(actual.slice(2)) === product(expected.slice(2))
  if (!same(down.tensor.shape, wanted))
    throw misshaped(
      file,
      down.key,
      `has shape ${show(down.tensor.shape)}; the weight ${show(shape)} needs ${show(wanted)}`,
    )
  if (!same(up.tensor.shape, [rows, rank]))
    throw misshaped(
      file,
      up.key,
      `has shape ${show(up.tensor.shape)}; the weight ${show(shape)} needs ${show([rows, rank])}`,
    )
  if (mid && !same(mid.tensor.shape, [rank, rank, ...shape.slice(2)]))
    throw misshaped(
      file,
      mid.key,
      `has shape ${show(mid.tensor.shape)}; the weight ${show(shape)} needs ${show([rank, rank, ...shape.slice(2)])}`,
    )
  const factor = finiteFloats(file, down)
  return {
    rank,
    rows,
    columns: inputs * kernel,
    up: finiteFloats(file, up),
    down: mid ? foldTucker(finiteFloats(file, mid), factor, rank, inputs, kernel) : factor,
  }
}

/** The scale of a weight's low-rank update. Throws what {@link readScales} does. */
export function scaleOf(file: string, group: Group, weightName: string, rank: number, scales: Scales): number {
  let alpha: number | null = null
  if (group.alpha) {
    if (product(group.alpha.tensor.shape) !== 1) throw misshaped(file, group.alpha.key, 'is no single number')
    alpha = finiteFloats(file, group.alpha)[0]!
  }
  const component = /^(text_encoder(?:_2)?\.)/.exec(weightName)?.[1] ?? 'unet.'
  // Only PEFT's own names are what its patterns were written for; others are matched by the weight they stand for.
  const module = group.family === 'peft' ? group.module : weightName.slice(0, -'.weight'.length)
  return scales({ module, component, rank, alpha, dora: group.magnitude !== undefined })
}

/** W ← W + strength·scale·B·A, or DoRA's form of it. */
export function lowRankTarget(
  file: string,
  group: Group,
  factors: Factors,
  shape: readonly number[],
  scale: number,
  strength: number,
): Target {
  const { magnitude } = group
  if (!magnitude) return (weight) => addLowRank(weight, factors, strength * scale)
  const length = product(magnitude.tensor.shape)
  // LyCORIS may scale columns; PEFT's magnitude of a convolution is [1, out, 1, 1], one per row all the same.
  const byColumn =
    magnitude.key.endsWith('.dora_scale') &&
    magnitude.tensor.shape.length >= 2 &&
    magnitude.tensor.shape[0] === 1 &&
    shape[0] !== 1
  if (length !== (byColumn ? shape[1] : shape[0]))
    throw misshaped(
      file,
      magnitude.key,
      `has shape ${show(magnitude.tensor.shape)}; the weight has shape ${show(shape)}`,
    )
  const m = finiteFloats(file, magnitude)
  return (weight) =>
    addDora(weight, factors, scale, m, byColumn ? 'columns' : 'rows', product(shape.slice(2)), strength)
}

/** W ← W + strength·D for one tensor of the weight's own size. */
export function difference(file: string, named: Named, shape: readonly number[], strength: number): Target {
  if (product(named.tensor.shape) !== product(shape) || named.tensor.shape[0] !== shape[0]) {
    throw misshaped(file, named.key, `has shape ${show(named.tensor.shape)}; the weight has shape ${show(shape)}`)
  }
  const delta = finiteFloats(file, named)
  return (weight) => {
    for (let i = 0; i < delta.length; i++) weight[i]! += strength * delta[i]!
  }
}

/** W ← W + strength·scale·q, one scale per output row. */
export function quantisedDifference(
  file: string,
  named: Named,
  scale: Named,
  shape: readonly number[],
  strength: number,
): Target {
  const rows = shape[0] ?? 1
  if (product(named.tensor.shape) !== product(shape))
    throw misshaped(file, named.key, `has shape ${show(named.tensor.shape)}; the weight has shape ${show(shape)}`)
  if (product(scale.tensor.shape) !== rows)
    throw misshaped(file, scale.key, `has shape ${show(scale.tensor.shape)}; ${rows} output rows need one number each`)
  const q = named.tensor.floats()
  const scales = finiteFloats(file, scale)
  const columns = q.length / rows
  return (weight) => {
    for (let i = 0; i < q.length; i++) weight[i]! += strength * scales[Math.floor(i / columns)]! * q[i]!
  }
}
