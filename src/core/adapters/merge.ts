/**
 * Merging adapters into models of any size: one tensor in memory at a time.
 */
import { SpqrError } from '../contracts/errors'
import { toFloats } from './dtypes'
import type { Adapter } from './parse'
import { openSafetensors, type ByteSource, type TensorEntry } from './safetensors'

/** Adds every adapter that targets `name` to `weight` in place, in the order given; returns how many did. */
export function applyAdapters(adapters: readonly Adapter[], name: string, weight: Float32Array): number {
  let applied = 0
  for (const adapter of adapters) {
    const target = adapter.targets.get(name)
    if (!target) continue
    target(weight)
    applied++
  }
  if (applied > 0 && !weight.every(Number.isFinite)) {
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

/**
 * Streams a model's weights from `source`, merged with `adapters`, to `write`, in file order. Holds one tensor at a
 * time: the next is read when `write` has settled.
 * @throws SpqrError ADAPTER_UNMATCHED when an adapter targets a weight the source lacks.
 */
export async function mergeStream(
  source: ByteSource,
  adapters: readonly Adapter[],
  write: (name: string, entry: TensorEntry, weight: Float32Array) => void | Promise<void>,
): Promise<void> {
  const { entries } = await openSafetensors(source)
  for (const adapter of adapters) {
    for (const name of adapter.targets.keys()) {
      if (!entries.has(name))
        throw new SpqrError('ADAPTER_UNMATCHED', `The adapter changes the weight "${name}", which the model lacks.`)
    }
  }
  const ordered = [...entries].sort(([, a], [, b]) => a.offset - b.offset)
  for (const [name, entry] of ordered) {
    const bytes = await source.slice(entry.offset, entry.length)
    if (bytes.length !== entry.length) {
      throw new SpqrError(
        'WEIGHTS_INVALID',
        `The weight "${name}" ends after ${bytes.length} of ${entry.length} bytes.`,
        'Download the model again.',
      )
    }
    const weight = toFloats(entry.dtype, bytes)
    applyAdapters(adapters, name, weight)
    await write(name, entry, weight)
  }
}
