/** The golden inputs of the closed-form alignments, as the code under test takes them. */
import { readFileSync } from 'node:fs'
import { readSafetensors } from '../../../src/core/adapters'
import { isTextProjection, type EditRows, type EncodedText } from '../../../src/core/alignment'
import type { Projection } from '../../../src/core/alignment/closedForm'

interface Inputs {
  options: { lambda: number; eraseScale: number; preserveScale: number; mu: number; rounds: number }
  cases: Record<string, Record<'erase' | 'guide' | 'preserve', number[]>>
  mace: {
    length: number
    ends: number[]
    mappedEnds: number[]
    tokens: number[]
    prompts: number[][]
    mapped: number[][]
    preserve: number[][]
  }
}
const read = (name: string) => readFileSync(new URL(name, import.meta.url))
const inputs = JSON.parse(read('inputs.json').toString()) as Inputs

export const options = inputs.options
export const cases: Record<string, EditRows> = Object.fromEntries(
  Object.entries(inputs.cases).map(([name, rows]) => [
    name,
    {
      dimension: 12,
      erase: Float32Array.from(rows.erase),
      guide: Float32Array.from(rows.guide),
      preserve: Float32Array.from(rows.preserve),
    },
  ]),
)
/** Whole prompts for MACE, 12 values a token. */
const encoded = (texts: number[][]): EncodedText[] =>
  texts.map((hidden, i) => ({ hidden: Float32Array.from(hidden), tokens: inputs.mace.tokens[i] ?? 2 }))
export const mace = {
  ...inputs.mace,
  prompts: encoded(inputs.mace.prompts),
  mapped: encoded(inputs.mace.mapped),
  preserve: encoded(inputs.mace.preserve),
}
export const weights = new Map<string, Projection>(
  [...readSafetensors(read('../adapters/base.safetensors')).tensors]
    .filter(([name]) => isTextProjection(name))
    .map(([name, tensor]) => [name, { data: tensor.floats(), rows: tensor.shape[0]!, columns: tensor.shape[1]! }]),
)

/** Weights of a golden file, as float64. */
export const expected = (name: string): Map<string, Float64Array> =>
  new Map(
    [...readSafetensors(read(name)).tensors].map(([key, { bytes }]) => [
      key,
      new Float64Array(new Uint8Array(bytes).buffer),
    ]),
  )
export const loraBytes = (): Uint8Array => new Uint8Array(read('lora.safetensors'))
