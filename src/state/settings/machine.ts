/** What this machine can hold, as far as the browser tells; and whether a model would fit. */
import type { EngineApi, ModelChoice, ModelManifest } from '../../core/contracts'
import { planMemory, variantFacts, type MachineFacts, type MemoryPlan } from '../../core/memory'

/** Facts for the chosen execution provider; `auto` takes WebGPU where a hardware adapter exists, as the engine does. */
export async function machineFacts(provider: 'auto' | 'wasm' | 'webgpu'): Promise<MachineFacts> {
  const { gpu, deviceMemory } = navigator as { gpu?: GPU; deviceMemory?: number }
  const adapter = provider === 'wasm' ? null : ((await gpu?.requestAdapter().catch(() => null)) ?? null)
  // No storage manager where the page is served without TLS.
  const { quota, usage } = (await (navigator.storage as StorageManager | undefined)?.estimate().catch(() => null)) ?? {}
  return {
    provider:
      provider === 'webgpu' || (provider === 'auto' && adapter !== null && !adapter.info.isFallbackAdapter)
        ? 'webgpu'
        : 'wasm',
    jspi: 'Suspending' in WebAssembly,
    adapter: adapter && {
      maxBufferSize: adapter.limits.maxBufferSize,
      maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
      shaderF16: adapter.features.has('shader-f16'),
    },
    deviceMemory: deviceMemory ?? null,
    room: quota === undefined || usage === undefined ? null : quota - usage,
  }
}

/** The plan of a described model. Its other variants are looked at only where it does not fit. */
export async function planOf(
  engine: Pick<EngineApi, 'describe'>,
  choice: ModelChoice,
  { manifest, missing }: { manifest: ModelManifest; missing: number },
  machine: MachineFacts,
): Promise<MemoryPlan> {
  const own = variantFacts(choice.variant ?? '', manifest)
  const plan = planMemory(own, machine, [], missing)
  if (plan.fits) return plan
  const others = []
  for (const variant of manifest.variants.filter((name) => name !== own.name)) {
    // A variant that cannot be read is none that would fit.
    const described = await engine.describe({ ...choice, variant: variant === '' ? null : variant }).catch(() => null)
    if (described) others.push(variantFacts(variant, described.manifest))
  }
  return planMemory(own, machine, others, missing)
}
