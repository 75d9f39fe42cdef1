/** A component of a pack as a session. */
import type { Adapter } from '../../core/adapters'
import type { Component } from '../../core/contracts'
import { KEPT_BYTES } from '../../core/memory'
import { throwIfAborted, type OnEvent } from '../events'
import type { FileLoader } from '../storage/files'
import type { OrtRuntime } from '../ort'
import { Graph } from './graph'
import { layOutPlain, mergeAdapters } from './weights'

/** Weights of small models as they are laid out without adapters, by the hash of their file, while the pack is open. */
const plainOf = new WeakMap<FileLoader, Map<string, Uint8Array<ArrayBuffer>>>()

/** Weights as they are laid out without adapters; those that adapters will be merged into are kept for the next variant. */
async function plainWeights(
  files: FileLoader,
  what: string,
  component: Component,
  keep: boolean,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { weights } = component
  const kept = plainOf.get(files) ?? new Map<string, Uint8Array<ArrayBuffer>>()
  plainOf.set(files, kept)
  const plain = kept.get(weights.sha256) ?? layOutPlain(what, component, await files.load(weights, signal))
  if (keep) kept.set(weights.sha256, plain)
  return plain
}

/** Graph and weights of a component, merged with adapters, as a session; `instead`: another graph on the same weights. */
export async function createGraph(
  runtime: OrtRuntime,
  files: FileLoader,
  what: string,
  component: Component,
  adapters: readonly Adapter[],
  onEvent: OnEvent,
  signal?: AbortSignal,
  instead?: Uint8Array,
): Promise<Graph> {
  const graph = instead ?? (await files.load(component.graph, signal))
  const keep = adapters.length > 0 && component.weights.bytes <= KEPT_BYTES
  const plain = await plainWeights(files, what, component, keep, signal)
  if (adapters.length > 0) onEvent({ type: 'phase', phase: 'merge', what })
  const merged = mergeAdapters(keep ? plain.slice() : plain, component, adapters)
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  return Graph.create(runtime, what, component, graph, merged)
}
