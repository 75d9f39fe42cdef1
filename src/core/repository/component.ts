/** One ONNX file → a component of the manifest, with everything that could fail later checked now. */
import { SpqrError, type GraphPort, type OnnxComponent, type OnnxWeight, type RepositoryFile } from '../contracts'
import type { OnnxModel, OnnxPort } from '../onnx'
import { PART_TITLES, type PartName } from './layout'

/** Operator domains of onnxruntime-web; its contributed operators are in `com.microsoft`. */
const DOMAINS = new Set(['', 'com.microsoft'])
/** Contributed operators that optimisers for other devices write and onnxruntime-web has no kernel for. */
const ABSENT = new Set(['com.microsoft:NhwcConv', 'com.microsoft:EPContext', 'com.microsoft:NhwcFusedConv'])
/** Newest operator set of ONNX that onnxruntime-web 1.31 knows. */
const NEWEST_OPSET = 25
const PORT_TYPES = ['float32', 'float16', 'int64', 'int32'] as const

/** Inputs that the pipeline knows how to fill, by part; null: the one input, whatever its name. */
const INPUTS: Record<PartName, readonly string[] | null> = {
  textEncoder: ['input_ids'],
  unet: ['sample', 'timestep', 'encoder_hidden_states', 'timestep_cond'],
  vaeDecoder: null,
  vaeEncoder: null,
}

const REEXPORT = 'Export the model again with models/export/export.py.'

export function unsuitable(path: string, why: string, hint = REEXPORT): SpqrError {
  return new SpqrError('SOURCE_UNSUITABLE', `"${path}" cannot be used: ${why}.`, hint)
}

/** Throws SOURCE_UNSUITABLE by operator, port, type or missing file. `files` are all files of the repository. */
export function deriveComponent(
  part: PartName,
  file: RepositoryFile,
  model: OnnxModel,
  files: readonly RepositoryFile[],
): OnnxComponent {
  checkOperators(file.path, model)
  checkInputs(part, file.path, model)
  return {
    onnx: file,
    data: externalFiles(file, model, files),
    weights: adaptable(model),
    precision: precisionOf(model),
    inputs: model.inputs.map((port) => portOf(file.path, port)),
    outputs: model.outputs.map((port) => portOf(file.path, port)),
  }
}

function checkOperators(path: string, model: OnnxModel): void {
  for (const operator of model.operators) {
    const [domain = '', name = ''] = operator.split(':')
    if (!DOMAINS.has(domain) || ABSENT.has(operator))
      throw unsuitable(
        path,
        `its operator ${domain}.${name} is not in onnxruntime-web`,
        'Export the model again without optimisations for another device.',
      )
  }
  const opset = model.opsets.get('') ?? 0
  if (opset > NEWEST_OPSET)
    throw unsuitable(path, `it uses operator set ${opset}, and onnxruntime-web knows up to ${NEWEST_OPSET}`)
}

function checkInputs(part: PartName, path: string, model: OnnxModel): void {
  const names = model.inputs.map(({ name }) => name)
  const known = INPUTS[part]
  if (known === null) {
    if (names.length !== 1)
      throw unsuitable(path, `a ${PART_TITLES[part]} has one input, and this has ${names.join(', ')}`)
    return
  }
  const foreign = names.find((name) => !known.includes(name))
  if (foreign !== undefined)
    throw unsuitable(
      path,
      `its input "${foreign}" belongs to another kind of model; a ${PART_TITLES[part]} has ${known.join(', ')}`,
    )
  const missing = known.find((name) => name !== 'timestep_cond' && !names.includes(name))
  if (missing !== undefined) throw unsuitable(path, `it lacks the input "${missing}"; it has ${names.join(', ')}`)
}

function portOf(path: string, { name, dtype, dims }: OnnxPort): GraphPort {
  const type = PORT_TYPES.find((one) => one === dtype)
  if (!type) throw unsuitable(path, `"${name}" is ${dtype}, and only ${PORT_TYPES.join(', ')} can be filled`)
  return { name, dtype: type, dims: dims.map((dim, i) => (typeof dim === 'number' && dim < 1 ? `dim${i}` : dim)) }
}

/** The files that hold the graph's external weights. Throws when one is missing or ends before its last weight. */
function externalFiles(
  graph: RepositoryFile,
  model: OnnxModel,
  files: readonly RepositoryFile[],
): OnnxComponent['data'] {
  const folder = graph.path.includes('/') ? graph.path.slice(0, graph.path.lastIndexOf('/') + 1) : ''
  const ends = new Map<string, number>()
  for (const { location, offset, length } of model.weights) {
    if (location !== '') ends.set(location, Math.max(ends.get(location) ?? 0, offset + length))
  }
  return [...ends].map(([location, end]) => {
    const file = files.find(({ path }) => path === folder + location)
    if (!file)
      throw unsuitable(
        graph.path,
        `its weights are in "${folder}${location}", which is missing`,
        'Download the model again with all its files.',
      )
    if (file.bytes < end)
      throw unsuitable(
        graph.path,
        `its weights file "${file.path}" has ${file.bytes} bytes of at least ${end}`,
        'Its download was cut off; download it again.',
      )
    return { location, file }
  })
}

/** Weights that carry a module's name, so that an adapter can find them. */
function adaptable(model: OnnxModel): OnnxWeight[] {
  return model.weights.flatMap(({ dtype, ...weight }): OnnxWeight[] =>
    (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') &&
    weight.length > 0 &&
    /\.(weight|bias)$/.test(weight.name)
      ? [{ dtype, ...weight }]
      : [],
  )
}

/** The type that most weights have; `quantised` from a quarter on, because convolutions and embeddings stay as they are. */
export function precisionOf(model: OnnxModel): OnnxComponent['precision'] {
  const numbers = { float32: 0, float16: 0, quantised: 0 }
  // onnxruntime's 4-bit products keep two numbers in a byte.
  const perByte = model.operators.has('com.microsoft:MatMulNBits') ? 2 : 1
  for (const { dtype, length } of model.weights) {
    if (dtype === 'F32') numbers.float32 += length / 4
    else if (dtype === 'F16') numbers.float16 += length / 2
    else if (dtype === 'U8' || dtype === 'I8') numbers.quantised += length * perByte
  }
  if (numbers.quantised > 0.25 * (numbers.float32 + numbers.float16 + numbers.quantised)) return 'quantised'
  return numbers.float16 > numbers.float32 ? 'float16' : 'float32'
}
