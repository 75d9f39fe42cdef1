/** A component of a pack as a session. */
import type { Adapter } from '../../core/adapters'
import type { Component } from '../../core/contracts'
import { throwIfAborted, type OnEvent } from '../events'
import type { FileLoader } from '../storage/files'
import type { OrtRuntime } from '../ort'
import { Graph } from './graph'
import { layOut } from './weights'

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
  const weights = await files.load(component.weights, signal)
  if (adapters.length > 0) onEvent({ type: 'phase', phase: 'merge', what })
  const laidOut = layOut(what, component, weights, adapters)
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  return Graph.create(runtime, what, component, graph, laidOut)
}
