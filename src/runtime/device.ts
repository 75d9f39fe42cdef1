/** What this browser can run on, as facts for the Report. */
import { SpqrError, type DeviceChoice, type Environment } from '../core/contracts'

export const MAX_DEFAULT_THREADS = 4

export interface DeviceFacts {
  gpu: GPU | undefined
  hardwareConcurrency: number
  crossOriginIsolated: boolean
  /** Some builds of WebKit isolate the page and have no shared memory all the same. */
  sharedMemory: boolean
  userAgent: string
}

export interface Device {
  provider: 'wasm' | 'webgpu'
  threads: number
  adapter: string | null
  /** Sentences for the user about what was not possible. */
  warnings: { code: string; message: string }[]
}

export function browserFacts(): DeviceFacts {
  return {
    gpu: (navigator as Partial<Navigator>).gpu,
    hardwareConcurrency: navigator.hardwareConcurrency,
    crossOriginIsolated: globalThis.crossOriginIsolated,
    sharedMemory: 'SharedArrayBuffer' in globalThis,
    userAgent: navigator.userAgent,
  }
}

/** Threads of the WASM runtime: one where the page is not isolated or the browser shares no memory. */
export function threadCount(requested: number, facts: DeviceFacts): number {
  if (!facts.crossOriginIsolated || !facts.sharedMemory) return 1
  return requested > 0 ? requested : Math.max(1, Math.min(facts.hardwareConcurrency, MAX_DEFAULT_THREADS))
}

function describe(info: GPUAdapterInfo): string {
  const parts = [info.vendor, info.architecture, info.device, info.description].filter((part) => part !== '')
  return parts.length > 0 ? parts.join(' ').slice(0, 200) : 'WebGPU adapter'
}

/** A software adapter, by the name that a Report carries. */
export const isSoftwareName = (name: string): boolean => /swiftshader|llvmpipe|software/i.test(name)

/** A software adapter computes on the CPU and is about 30 times slower than WASM: `auto` does not take it. */
function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter === true || isSoftwareName(describe(info))
}

/**
 * Chooses the execution provider. `auto` takes WebGPU where a hardware adapter exists, else WASM.
 * @throws SpqrError WEBGPU_UNAVAILABLE when WebGPU was asked for and there is none; BAD_INPUT for a bad thread count
 */
export async function chooseDevice(choice: DeviceChoice, facts: DeviceFacts): Promise<Device> {
  if (!Number.isInteger(choice.threads) || choice.threads < 0 || choice.threads > 64) {
    throw new SpqrError(
      'BAD_INPUT',
      `The thread count ${choice.threads} is no whole number from 0 to 64.`,
      'Use 0 to let the browser decide.',
    )
  }
  const threads = threadCount(choice.threads, facts)
  const warnings: Device['warnings'] = []
  if (choice.threads > threads)
    warnings.push({
      code: 'BAD_INPUT',
      message: facts.crossOriginIsolated
        ? 'This browser shares no memory between threads, so inference runs on one thread.'
        : 'The page is not cross-origin isolated, so inference runs on one thread.',
    })
  if (choice.executionProvider === 'wasm') return { provider: 'wasm', threads, adapter: null, warnings }
  const adapter = await requestAdapter(facts.gpu)
  if (choice.executionProvider === 'webgpu') {
    if (!adapter) {
      throw new SpqrError(
        'WEBGPU_UNAVAILABLE',
        facts.gpu ? 'This browser found no graphics adapter for WebGPU.' : 'This browser has no WebGPU.',
        'Choose WASM, or a browser with WebGPU such as a recent Chrome or Edge.',
      )
    }
    return { provider: 'webgpu', threads, adapter: describe(adapter.info), warnings }
  }
  return adapter && !isSoftware(adapter.info)
    ? { provider: 'webgpu', threads, adapter: describe(adapter.info), warnings }
    : { provider: 'wasm', threads, adapter: null, warnings }
}

async function requestAdapter(gpu: GPU | undefined): Promise<GPUAdapter | null> {
  if (!gpu) return null
  try {
    return await gpu.requestAdapter({ powerPreference: 'high-performance' })
  } catch {
    // A blocked driver rejects instead of returning null; both mean there is none.
    return null
  }
}

export function environmentOf(
  device: Device,
  facts: DeviceFacts,
  versions: { onnxruntime: string; transformers: string; app: string },
  precision = 'float32',
): Environment {
  return {
    executionProvider: device.provider,
    adapter: device.adapter,
    threads: device.threads,
    crossOriginIsolated: facts.crossOriginIsolated,
    precision,
    userAgent: facts.userAgent.slice(0, 500),
    ...versions,
  }
}
