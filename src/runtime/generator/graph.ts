/** One ONNX graph as a session: ports asserted against the manifest, values converted to the ports' types. */
import type { InferenceSession, Tensor } from 'onnxruntime-web'
import { halfBits, toFloats, type ByteSource } from '../../core/adapters'
import { SpqrError, type Component, type GraphPort } from '../../core/contracts'
import { assertFinite, assertFiniteData } from '../../core/onnx'
import { ortError, type OrtRuntime } from '../ort'

export interface Values {
  data: ArrayLike<number>
  dims: readonly number[]
}
export interface Floats {
  data: Float32Array
  dims: readonly number[]
}

const mismatch = (what: string, why: string) =>
  new SpqrError(
    'GRAPH_MISMATCH',
    `The graph of ${what} does not fit its manifest: ${why}.`,
    'The pack is inconsistent; publish graph and manifest again.',
  )

const showDims = (dims: readonly (string | number)[]): string => `[${dims.join(', ')}]`

/** Compares one side of the session with the manifest: same names, types and fixed dimensions. */
export function assertPorts(
  what: string,
  side: 'input' | 'output',
  wanted: readonly GraphPort[],
  actual: readonly InferenceSession.ValueMetadata[],
): void {
  const byName = new Map(actual.map((port) => [port.name, port]))
  for (const port of wanted) {
    const found = byName.get(port.name)
    if (!found) throw mismatch(what, `it has no ${side} "${port.name}"; it has ${[...byName.keys()].join(', ')}`)
    if (!found.isTensor) throw mismatch(what, `${side} "${port.name}" is no tensor`)
    if (found.type !== port.dtype)
      throw mismatch(what, `${side} "${port.name}" is ${found.type}, the manifest says ${port.dtype}`)
    const fits =
      found.shape.length === port.dims.length &&
      found.shape.every((dim, i) => typeof dim === 'string' || typeof port.dims[i] === 'string' || dim === port.dims[i])
    if (!fits)
      throw mismatch(
        what,
        `${side} "${port.name}" has the shape ${showDims(found.shape)}, the manifest says ${showDims(port.dims)}`,
      )
  }
  const extra = actual.find((port) => !wanted.some(({ name }) => name === port.name))
  if (extra) throw mismatch(what, `it has the ${side} "${extra.name}", which the manifest does not name`)
}

/** A tensor of the port's type; float32 arrays are used as they are. */
export function toTensor(runtime: OrtRuntime, port: GraphPort, { data, dims }: Values): Tensor {
  const { Tensor } = runtime.ort
  switch (port.dtype) {
    case 'float32':
      return new Tensor('float32', data instanceof Float32Array ? data : Float32Array.from(data), dims)
    case 'float16':
      return new Tensor('float16', Uint16Array.from(data, halfBits), dims)
    case 'int32':
      return new Tensor('int32', Int32Array.from(data, Math.round), dims)
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(Array.from(data, (value) => BigInt(Math.round(value)))), dims)
  }
}

export function floatsOf(tensor: Tensor): Floats {
  const { data, dims } = tensor
  if (data instanceof Float32Array) return { data, dims }
  if (tensor.type === 'float16') {
    const view = data as Uint16Array
    return { data: toFloats('F16', new Uint8Array(view.buffer, view.byteOffset, view.byteLength)), dims }
  }
  return { data: Float32Array.from(data as ArrayLike<number | bigint>, Number), dims }
}

const unreadable = (what: string, why: string) =>
  new SpqrError(
    'GRAPH_MISMATCH',
    `The graph of ${what} cannot be used: ${why.replace(/\.$/, '')}.`,
    'Export it again with operators that onnxruntime-web supports.',
  )

/** Why a session could not be made, without saying twice what was being done. */
function reasonOf(message: string): string {
  const operator = /No Op registered for (\S+)/.exec(message)?.[1]
  return operator === undefined
    ? message.replace(/^onnxruntime failed while [^:]*: /, '')
    : `its operator ${operator} is not in onnxruntime-web`
}

const PORT_TYPES: readonly string[] = ['float32', 'float16', 'int64', 'int32'] satisfies GraphPort['dtype'][]
const isPortType = (type: string): type is GraphPort['dtype'] => PORT_TYPES.includes(type)

/** What a session says of a port, as a manifest would. */
const portOf =
  (what: string) =>
  (port: InferenceSession.ValueMetadata): GraphPort => {
    if (!port.isTensor || !isPortType(port.type)) {
      throw unreadable(
        what,
        `"${port.name}" is ${port.isTensor ? port.type : 'no tensor'}, not one of ${PORT_TYPES.join(', ')}`,
      )
    }
    return { name: port.name, dtype: port.type, dims: [...port.shape] }
  }

/** External data read in pieces, wherever they are. */
function sourceOf(data: Uint8Array | Blob | undefined): ByteSource | undefined {
  if (data === undefined) return undefined
  return data instanceof Uint8Array
    ? { size: data.length, slice: (at, length) => Promise.resolve(data.subarray(at, at + length)) }
    : {
        size: data.size,
        slice: async (at, length) => new Uint8Array(await data.slice(at, at + length).arrayBuffer()),
      }
}

export class Graph {
  private constructor(
    private readonly runtime: OrtRuntime,
    readonly session: InferenceSession,
    readonly component: Pick<Component, 'inputs' | 'outputs'>,
    readonly what: string,
  ) {}

  /**
   * Creates the session from the graph's bytes and its weights (laid out as `component.externalData` says).
   * @throws SpqrError GRAPH_MISMATCH, WEIGHTS_INVALID, MEMORY, DEVICE_LOST
   */
  static async create(
    runtime: OrtRuntime,
    what: string,
    component: Component,
    graph: Uint8Array,
    weights: Uint8Array,
    options: InferenceSession.SessionOptions = {},
  ): Promise<Graph> {
    const session = await runtime.exclusive(async () => {
      try {
        return await runtime.ort.InferenceSession.create(graph, {
          executionProviders: [runtime.provider],
          graphOptimizationLevel: 'all',
          externalData: [{ path: component.externalData.path, data: weights }],
          logSeverityLevel: 3,
          ...options,
        })
      } catch (thrown) {
        const error = ortError(thrown, `loading the graph of ${what}`)
        throw error.code === 'UNEXPECTED' ? mismatch(what, error.message.replace(/\.$/, '')) : error
      }
    })
    const created = new Graph(runtime, session, component, what)
    try {
      await assertFinite(graph, what)
      assertPorts(what, 'input', component.inputs, session.inputMetadata)
      assertPorts(what, 'output', component.outputs, session.outputMetadata)
    } catch (thrown) {
      await created.release()
      throw thrown
    }
    return created
  }

  /**
   * Creates the session from a published ONNX file; its ports are what the file says. `data`: external data by the name
   * that the graph gives it; `sound`: its weights were all found finite before.
   * Throws SpqrError GRAPH_MISMATCH, WEIGHTS_INVALID, MEMORY, DEVICE_LOST.
   */
  static async fromOnnx(
    runtime: OrtRuntime,
    what: string,
    onnx: Uint8Array,
    data: readonly { path: string; data: Uint8Array | Blob }[],
    sound = false,
  ): Promise<Graph> {
    const session = await runtime.exclusive(async () => {
      try {
        return await runtime.ort.InferenceSession.create(onnx, {
          executionProviders: [runtime.provider],
          graphOptimizationLevel: 'all',
          externalData: [...data],
          logSeverityLevel: 3,
        })
      } catch (thrown) {
        const error = ortError(thrown, `loading the graph of ${what}`)
        throw error.code === 'UNEXPECTED' ? unreadable(what, reasonOf(error.message)) : error
      }
    })
    try {
      if (!sound) {
        await assertFinite(onnx, what)
        await assertFiniteData(onnx, what, (location) => sourceOf(data.find(({ path }) => path === location)?.data))
      }
      const [inputs, outputs] = [session.inputMetadata.map(portOf(what)), session.outputMetadata.map(portOf(what))]
      return new Graph(runtime, session, { inputs, outputs }, what)
    } catch (thrown) {
      await runtime.exclusive(() => session.release())
      throw thrown
    }
  }

  input(name: string): GraphPort {
    const port = this.component.inputs.find((candidate) => candidate.name === name)
    if (!port) throw mismatch(this.what, `the manifest names no input "${name}"`)
    return port
  }

  /** Runs on values in main memory and returns every output as float32. */
  async run(inputs: Readonly<Record<string, Values | Tensor>>): Promise<Record<string, Floats>> {
    const feeds: Record<string, Tensor> = {}
    for (const port of this.component.inputs) {
      const values = inputs[port.name]
      if (!values) throw mismatch(this.what, `its input "${port.name}" is none that this pipeline knows how to fill`)
      feeds[port.name] = 'type' in values ? values : toTensor(this.runtime, port, values)
    }
    const outputs = await this.runTensors(feeds)
    const floats = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, floatsOf(tensor)]))
    for (const tensor of [...Object.values(feeds), ...Object.values(outputs)])
      if (tensor.location !== 'cpu') tensor.dispose()
    return floats
  }

  /** The input `timestep` for `count` samples: exports take a scalar, one number, or one per sample. */
  timestep(value: number, count: number): Tensor {
    const port = this.input('timestep')
    const [first] = port.dims
    const length = typeof first === 'number' ? first : first === undefined ? 1 : count
    return toTensor(this.runtime, port, {
      data: Float32Array.from({ length }, () => value),
      dims: first === undefined ? [] : [length],
    })
  }

  /** Runs on tensors wherever they are, into `fetches` where given; the caller disposes of what it owns. */
  runTensors(
    feeds: InferenceSession.FeedsType,
    fetches?: InferenceSession.FetchesType,
  ): Promise<Record<string, Tensor>> {
    return this.runtime.exclusive(async () => {
      try {
        return fetches ? await this.session.run(feeds, fetches) : await this.session.run(feeds)
      } catch (thrown) {
        throw ortError(thrown, `running ${this.what}`)
      }
    })
  }

  release(): Promise<void> {
    return this.runtime.exclusive(() => this.session.release())
  }
}
