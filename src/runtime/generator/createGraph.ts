/** A component of a pack as a session. */
import type { Adapter } from '../../core/adapters'
import type { Component } from '../../core/contracts'
import { KEPT_BYTES } from '../../core/memory'
import { throwIfAborted, type OnEvent } from '../events'
import type { FileLoader } from '../storage/files'
import type { OrtRuntime } from '../ort'
import { Graph } from './graph'
import { layOutPlain, mergeAdapters } from './weights'

/** Weights of small models as they are laid out without adapters, by their file and its layout. */
const plainOf = new WeakMap<FileLoader, Map<string, Uint8Array<ArrayBuffer>>>()

/** Lets go of the weights that were kept of an open pack. */
export function forgetWeights(files: FileLoader): void {
  plainOf.delete(files)
}

/**
 * Weights as they are laid out without adapters, a copy of kept ones where they are to be `changed`. A fallback may lay the
 * same file out otherwise, so that each layout is checked and kept for itself.
 */
async function plainWeights(
  files: FileLoader,
  what: string,
  component: Component,
  { keep, changed }: { keep: boolean; changed: boolean },
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { weights, externalData } = component
  const kept = plainOf.get(files) ?? new Map<string, Uint8Array<ArrayBuffer>>()
  const key = JSON.stringify([weights.sha256, externalData])
  const plain = kept.get(key) ?? layOutPlain(what, component, await files.load(weights, signal))
  if (keep) plainOf.set(files, kept.set(key, plain))
  return changed && kept.has(key) ? plain.slice() : plain
}

export interface GraphOptions {
  /** Another graph on the same weights. */
  instead?: Uint8Array
  /** Whether the plain weights, where they are small, stay for the next variant until `forgetWeights`. */
  keep?: boolean
}

/** Graph and weights of a component, merged with adapters, as a session. */
export async function createGraph(
  runtime: OrtRuntime,
  files: FileLoader,
  what: string,
  component: Component,
  adapters: readonly Adapter[],
  onEvent: OnEvent,
  signal?: AbortSignal,
  { instead, keep = false }: GraphOptions = {},
): Promise<Graph> {
  const graph = instead ?? (await files.load(component.graph, signal))
  const use = { keep: keep && component.weights.bytes <= KEPT_BYTES, changed: adapters.length > 0 }
  const plain = await plainWeights(files, what, component, use, signal)
  if (use.changed) onEvent({ type: 'phase', phase: 'merge', what })
  const merged = mergeAdapters(plain, component, adapters)
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  return Graph.create(runtime, what, component, graph, merged)
}
