/** Counts what is asked of the graphics device, by wrapping WebGPU's own calls while something runs. */
export interface GpuCounts {
  /** Compute kernels started. */
  dispatches: number
  /** Calls of submit, and command buffers in them. */
  submits: number
  commandBuffers: number
  /** Writes from main memory: writeBuffer, and buffers that are mapped at creation. */
  uploads: number
  uploadedBytes: number
  /** Waits for values to come back: mapAsync. */
  readbacks: number
}

type Undo = () => void

/** Replaces a method of a prototype by one that tells `seen` its arguments first. */
function watch<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  seen: (given: readonly unknown[]) => void,
): Undo {
  const original: unknown = prototype[name]
  if (typeof original !== 'function') throw new Error(`There is no ${name} to watch.`)
  const call = original
  Object.defineProperty(prototype, name, {
    configurable: true,
    writable: true,
    value: function watched(this: unknown, ...given: unknown[]): unknown {
      seen(given)
      return Reflect.apply(call, this, given)
    },
  })
  return () => Object.defineProperty(prototype, name, { configurable: true, writable: true, value: call })
}

const byteLength = (data: unknown, size: unknown): number =>
  typeof size === 'number' ? size : data instanceof ArrayBuffer || ArrayBuffer.isView(data) ? data.byteLength : 0

/** What `work` asks of every device in this thread. */
export async function gpuCounts(work: () => Promise<unknown>): Promise<GpuCounts> {
  const counts = { dispatches: 0, submits: 0, commandBuffers: 0, uploads: 0, uploadedBytes: 0, readbacks: 0 }
  const undo = [
    watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => counts.dispatches++),
    watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', () => counts.dispatches++),
    watch(GPUQueue.prototype, 'submit', ([buffers]) => {
      counts.submits++
      counts.commandBuffers += Array.isArray(buffers) ? buffers.length : 1
    }),
    watch(GPUQueue.prototype, 'writeBuffer', ([, , data, , size]) => {
      counts.uploads++
      counts.uploadedBytes += byteLength(data, size)
    }),
    watch(GPUDevice.prototype, 'createBuffer', ([descriptor]) => {
      const { mappedAtCreation, size } = descriptor as GPUBufferDescriptor
      if (!mappedAtCreation) return
      counts.uploads++
      counts.uploadedBytes += size
    }),
    watch(GPUBuffer.prototype, 'mapAsync', () => counts.readbacks++),
  ]
  try {
    await work()
  } finally {
    for (const one of undo) one()
  }
  return counts
}
