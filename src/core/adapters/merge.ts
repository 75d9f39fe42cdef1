/**
 * Merging adapters into models of any size: one tensor in memory at a time.
 */
import { SpqrError } from '../contracts/errors'
import { allFinite } from '../finite'
import type { Adapter } from './parse'

/** Adds every adapter that targets `name` to `weight` in place, in the order given; returns how many did. */
export function applyAdapters(adapters: readonly Adapter[], name: string, weight: Float32Array): number {
  let applied = 0
  for (const adapter of adapters) {
    const target = adapter.targets.get(name)
    if (!target) continue
    target(weight)
    applied++
  }
  if (applied > 0 && !allFinite(weight)) {
    throw new SpqrError(
      'ADAPTER_NAN',
      `After merging, the weight "${name}" is no longer finite.`,
      'Lower the strength of the adapters.',
    )
  }
  return applied
}

/** Several adapters as one that applies them in order. */
export function stackAdapters(adapters: readonly Adapter[]): Adapter {
  const [first] = adapters
  if (first && adapters.length === 1) return first
  const names = new Set(adapters.flatMap(({ targets }) => [...targets.keys()]))
  const ranks = adapters.flatMap(({ rank }) => rank ?? [])
  return {
    format: first?.format ?? 'lora',
    rank: ranks.length > 0 ? Math.max(...ranks) : null,
    targets: new Map(
      [...names].map((name) => [
        name,
        (weight) => {
          for (const { targets } of adapters) targets.get(name)?.(weight)
        },
      ]),
    ),
  }
}
