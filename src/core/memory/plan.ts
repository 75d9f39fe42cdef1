/**
 * Whether a model fits this machine, told before a byte is downloaded. Stages load one after another and are released,
 * so the largest one decides. Factors of peak memory over weight bytes are those measured for onnxruntime-web 1.31.
 */

/** One stage of the pipeline, such as the U-Net. Bytes of its files and of its largest tensor, where known. */
export interface StageFacts {
  name: string
  files: readonly number[]
  largestTensor: number | null
  /** True when it computes in half precision. */
  half: boolean
}

/** A precision or size of a model, by the name its owner gave it; '' is the plain one. */
export interface VariantFacts {
  name: string
  stages: readonly StageFacts[]
}

export interface MachineFacts {
  provider: 'wasm' | 'webgpu'
  /** Whether the runtime can wait for promises inside WebAssembly and so stream weights from a Blob. */
  jspi: boolean
  /** WebGPU's limits in bytes and its feature; null without an adapter. */
  adapter: { maxBufferSize: number; maxStorageBufferBindingSize: number; shaderF16: boolean } | null
  /** `navigator.deviceMemory` in GiB, which browsers cap (at 8 in most); null where it is not told. */
  deviceMemory: number | null
  /** Bytes that the browser will still store; null where it is not told. */
  room: number | null
}

export interface MemoryPlan {
  fits: boolean
  /** Bytes to download in all, and of main memory at the peak. */
  downloadBytes: number
  peakBytes: number
  /** One sentence for everything that does not fit. */
  problems: string[]
  /** The largest other variant that fits, when this one does not; null when there is none. */
  instead: string | null
}

/** Address space of 32-bit WebAssembly, and the most that one ArrayBuffer or protobuf can hold. */
const WASM_HEAP = 4 * 2 ** 30
const MAX_ARRAY = 2 ** 31
/** What a page may take of the machine before the system starts to kill it. */
const SHARE_OF_MEMORY = 0.75

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const stageBytes = ({ files }: StageFacts): number => sum(files)

function show(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`
}

/** Peak of main memory over weight bytes while a session is made. */
export function peakFactor({ provider, jspi }: Pick<MachineFacts, 'provider' | 'jspi'>): number {
  if (!jspi) return 2.26
  return provider === 'webgpu' ? 0.4 : 1.29
}

/** `missing`: bytes of the chosen variant that are not stored yet. */
export function planMemory(
  chosen: VariantFacts,
  machine: MachineFacts,
  others: readonly VariantFacts[] = [],
  missing?: number,
): MemoryPlan {
  const problems = problemsOf(chosen, machine, missing)
  const downloadBytes = sum(chosen.stages.map(stageBytes))
  const fitting =
    problems.length === 0
      ? []
      : others.filter((variant) => variant.name !== chosen.name && problemsOf(variant, machine).length === 0)
  const best = fitting.reduce<VariantFacts | null>(
    (most, variant) =>
      !most || sum(variant.stages.map(stageBytes)) > sum(most.stages.map(stageBytes)) ? variant : most,
    null,
  )
  return {
    fits: problems.length === 0,
    downloadBytes,
    peakBytes: peakOf(chosen, machine),
    problems,
    instead: best?.name ?? null,
  }
}

const peakOf = ({ stages }: VariantFacts, machine: MachineFacts): number =>
  Math.ceil(Math.max(0, ...stages.map(stageBytes)) * peakFactor(machine))

function problemsOf(
  variant: VariantFacts,
  machine: MachineFacts,
  missing = sum(variant.stages.map(stageBytes)),
): string[] {
  const { room, deviceMemory } = machine
  const problems = variant.stages.flatMap((stage) => stageProblems(stage, machine))
  const peak = peakOf(variant, machine)
  const memory = deviceMemory === null ? null : deviceMemory * 2 ** 30
  // Browsers do not tell of more than 8 GiB, so a machine that says 8 may have more.
  if (memory !== null && deviceMemory! < 8 && peak > SHARE_OF_MEMORY * memory) {
    problems.push(`Loading it takes about ${show(peak)} of memory, and this device has ${show(memory)} for everything.`)
  }
  if (room !== null && missing > room)
    problems.push(`It needs ${show(missing)} on the disk, and this browser has room for ${show(room)}.`)
  return problems
}

function stageProblems(stage: StageFacts, machine: MachineFacts): string[] {
  const { name, files, largestTensor, half } = stage
  const { provider, jspi, adapter } = machine
  const problems: string[] = []
  const largestFile = Math.max(0, ...files)
  // Where weights cannot be streamed, a file passes through one ArrayBuffer.
  if (!jspi && largestFile > MAX_ARRAY)
    problems.push(
      `The ${name} has a file of ${show(largestFile)}, and this browser loads at most ${show(MAX_ARRAY)} in one piece.`,
    )
  if (provider === 'wasm') {
    if (stageBytes(stage) > WASM_HEAP)
      problems.push(`The ${name} has ${show(stageBytes(stage))}, and WebAssembly can address ${show(WASM_HEAP)}.`)
    return problems
  }
  if (!adapter) return [...problems, 'There is no graphics adapter for WebGPU here.']
  if (half && !adapter.shaderF16)
    problems.push(`The ${name} computes in half precision, which this graphics adapter cannot do (shader-f16).`)
  const limit = Math.min(adapter.maxBufferSize, adapter.maxStorageBufferBindingSize)
  if (largestTensor !== null && largestTensor > limit)
    problems.push(
      `The ${name} has a tensor of ${show(largestTensor)}, and this graphics adapter takes at most ${show(limit)}.`,
    )
  return problems
}

/** The plan in one line, for a person. */
export function memoryLine(plan: MemoryPlan): string {
  const size = `About ${show(plan.peakBytes)} of memory while loading`
  if (plan.fits) return `${size}.`
  const instead =
    plan.instead === null
      ? 'No variant of this model fits; choose a smaller model'
      : `The variant "${plan.instead === '' ? 'plain' : plan.instead}" would fit`
  return `${size}. ${plan.problems.join(' ')} ${instead}.`
}
