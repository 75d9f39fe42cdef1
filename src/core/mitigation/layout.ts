/** Where trained parameters are in the flat vector of a training step, and what they do to the weights of the model. */
import { SpqrError } from '../contracts/errors'

/** Of a training profile: LoRA factors, or whole weights where `lora` is null. */
export interface Layout {
  length: number
  lora: { rank: number; alpha: number } | null
  parameters: readonly { name: string; dims: readonly number[]; offset: number }[]
}

/** One weight W [rows, columns] behind a pair of factors: ΔW = scale·B·A. */
export interface LoraModule {
  /** Name of the weight. */
  weight: string
  rank: number
  rows: number
  columns: number
  /** Offset of A [rank, columns] in the flat vector. */
  down: number
  /** Offset of B [rows, rank]. */
  up: number
  /** α/r */
  scale: number
}

const A = '.lora_A.weight'
const B = '.lora_B.weight'

/** The factor pairs of a LoRA profile in the order of their A; empty for whole weights. */
export function loraModules({ lora, parameters }: Layout): LoraModule[] {
  if (!lora) return []
  const ups = new Map(
    parameters.filter(({ name }) => name.endsWith(B)).map((one) => [one.name.slice(0, -B.length), one]),
  )
  return parameters
    .filter(({ name }) => name.endsWith(A))
    .map(({ name, dims, offset }) => {
      const module = name.slice(0, -A.length)
      const up = ups.get(module)
      const [rank = 0, columns = 0] = dims
      if (!up || up.dims[1] !== rank)
        throw new SpqrError('GRAPH_MISMATCH', `The LoRA factor "${name}" has no partner.`, 'Publish the pack again.')
      return {
        weight: `${module}.weight`,
        rank,
        rows: up.dims[0]!,
        columns,
        down: offset,
        up: up.offset,
        scale: lora.alpha / rank,
      }
    })
}

/** ΔW = scale·B·A of one pair, [rows, columns]; sums in double precision, rounded once. */
export function denseDelta({ rank, rows, columns, down, up, scale }: LoraModule, flat: Float32Array): Float32Array {
  const delta = new Float32Array(rows * columns)
  const line = new Float64Array(columns)
  for (let i = 0; i < rows; i++) {
    line.fill(0)
    for (let k = 0; k < rank; k++) {
      const b = flat[up + i * rank + k]!
      if (b === 0) continue
      const at = down + k * columns
      for (let j = 0; j < columns; j++) line[j]! += b * flat[at + j]!
    }
    for (let j = 0; j < columns; j++) delta[i * columns + j] = scale * line[j]!
  }
  return delta
}

/** Calls `change` on B of every pair: what multiplies B multiplies ΔW. */
export function eachUp(
  layout: Layout,
  flat: Float32Array,
  change: (up: Float32Array, module: LoraModule) => void,
): void {
  for (const module of loraModules(layout))
    change(flat.subarray(module.up, module.up + module.rows * module.rank), module)
}
