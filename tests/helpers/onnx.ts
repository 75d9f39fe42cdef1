/** Writes small ONNX files for tests: protocol-buffer fields by hand, numbers as in onnx.proto. */

type Part = Uint8Array

function join(parts: readonly Part[]): Part {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) + 128 : rest)
    if (rest < 128) return bytes
  }
}

/** −1, as int64 is written. */
const MINUS_ONE = [...Array.from({ length: 9 }, () => 255), 1]
const number = (field: number, value: number): Part =>
  Uint8Array.from([...varint(field * 8), ...(value === -1 ? MINUS_ONE : varint(value))])
const run = (field: number, body: Part | string): Part => {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return join([Uint8Array.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes])
}

/** Element types by ONNX's numbers. */
export const TYPE = { float32: 1, int64: 7, float16: 10, float64: 11 } as const

export interface TestGraph {
  inputs: { name: string; type: number; dims: (string | number)[] }[]
  outputs: { name: string; type: number; dims: (string | number)[] }[]
  operators?: { domain: string; name: string; inputs?: string[]; outputs?: string[] }[]
  weights?: {
    name: string
    dims: number[]
    type: number
    location?: string
    length?: number
    raw?: Part
    floats?: Part
    int32?: number[]
  }[]
  opset?: number
}

const port = ({ name, type, dims }: TestGraph['inputs'][number]): Part => {
  const shape = join(dims.map((dim) => run(1, typeof dim === 'number' ? number(1, dim) : run(2, dim))))
  return join([run(1, name), run(2, run(1, join([number(1, type), run(2, shape)])))])
}

export function onnxFile({
  inputs,
  outputs,
  operators = [{ domain: '', name: 'Identity' }],
  weights = [],
  opset = 18,
}: TestGraph): Uint8Array<ArrayBuffer> {
  const tensor = ({
    name,
    dims,
    type,
    location,
    length = 0,
    raw,
    floats,
    int32 = [],
  }: NonNullable<TestGraph['weights']>[number]) =>
    join([
      ...dims.map((dim) => number(1, dim)),
      number(2, type),
      run(8, name),
      ...(raw ? [run(9, raw)] : []),
      ...(floats ? [run(4, floats)] : []),
      ...int32.map((value) => number(5, value)),
      ...(location === undefined
        ? []
        : [
            ['location', location],
            ['offset', '0'],
            ['length', String(length)],
          ].map(([key, value]) => run(13, join([run(1, key!), run(2, value!)])))),
    ])
  const graph = join([
    ...operators.map(({ domain, name, inputs: from = [], outputs: to = [] }) =>
      run(1, join([...from.map((one) => run(1, one)), ...to.map((one) => run(2, one)), run(4, name), run(7, domain)])),
    ),
    // Every graph of a file has a name, or onnxruntime refuses it.
    run(2, 'test'),
    ...weights.map((weight) => run(5, tensor(weight))),
    ...inputs.map((one) => run(11, port(one))),
    ...outputs.map((one) => run(12, port(one))),
  ])
  return Uint8Array.from(join([number(1, 8), run(7, graph), run(8, join([run(1, ''), number(2, opset)]))]))
}
