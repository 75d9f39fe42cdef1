/** The real engine for browser tests: in its worker, or its parts in the page where a test looks at tensors. */
import { wrap, type Remote } from 'comlink'
import { readSafetensors, type SafetensorsFile } from '../../src/core/adapters'
import {
  reviveError,
  type DeviceChoice,
  type EngineApi,
  type EngineEvent,
  type PackManifest,
  type WorkUnit,
} from '../../src/core/contracts'
import { AdapterShelf } from '../../src/runtime/storage/adapterShelf'
import { PackFiles } from '../../src/runtime/storage/files'
import { Models } from '../../src/runtime/generator/models'
import { loadOrt, type OrtRuntime } from '../../src/runtime/ort'
import { parseManifest } from '../../src/runtime/pack'
import { loadTokenizer, type PackTokenizer } from '../../src/runtime/generator/tokenizer'
import { MemoryKeyValue } from './memoryStore'

export const ORT_BASE = new URL('/ort/', location.origin).href
export const TINY = new URL('/tests/golden/tiny-pack/', location.origin).href
export const TINY_PACK = `${TINY}pack/`
export const WASM: DeviceChoice = { executionProvider: 'wasm', threads: 1 }

/** A worker of its own; `stop` ends it. */
export function startEngine(): { engine: Remote<EngineApi>; stop(): void } {
  const worker = new Worker(new URL('../../workers/engine.ts', import.meta.url), { type: 'module' })
  return { engine: wrap<EngineApi>(worker), stop: () => worker.terminate() }
}

/** What a promise rejects with, revived as the page would. */
export async function rejection(promise: Promise<unknown>) {
  try {
    await promise
  } catch (thrown) {
    return reviveError(thrown)
  }
  throw new Error('The promise was expected to reject.')
}

export async function golden(url: string): Promise<SafetensorsFile> {
  return readSafetensors(new Uint8Array(await (await fetch(url)).arrayBuffer()))
}

export interface Parts {
  manifest: PackManifest
  files: PackFiles
  runtime: OrtRuntime
  tokenizer: PackTokenizer
  models: Models
  shelf: AdapterShelf
  events: EngineEvent[]
}

/** The engine's parts in this page. `edit` changes the manifest before use. */
export async function openParts(
  base: string,
  provider: 'wasm' | 'webgpu',
  edit: (manifest: PackManifest) => PackManifest = (manifest) => manifest,
): Promise<Parts> {
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent) => events.push(event)
  const manifest = edit(parseManifest(new Uint8Array(await (await fetch(`${base}manifest.json`)).arrayBuffer())))
  const files = new PackFiles({ baseUrl: base, store: new MemoryKeyValue(), onEvent })
  const runtime = await loadOrt(provider, 1, ORT_BASE)
  const tokenizer = await loadTokenizer(files, manifest.model.tokenizer)
  const shelf = new AdapterShelf(
    manifest,
    files,
    { own: new MemoryKeyValue(), checkpoints: new MemoryKeyValue() },
    onEvent,
  )
  return {
    manifest,
    files,
    runtime,
    tokenizer,
    shelf,
    events,
    models: new Models({ runtime, manifest, files, tokenizer, shelf, onEvent }),
  }
}

export function workUnit(text: string, seed: number, change: Partial<WorkUnit> = {}): WorkUnit {
  return {
    id: `${seed}-${text.slice(0, 20)}`,
    stage: 'base',
    step: null,
    promptId: text.slice(0, 20),
    text,
    language: 'en',
    suite: 'tiny',
    category: 'tiny',
    concept: null,
    harmful: false,
    seed,
    repeat: 0,
    ...change,
  }
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`Lengths differ: ${a.length} and ${b.length}.`)
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    // NaN must not pass as equal.
    if (!(difference <= largest)) largest = difference
  }
  return largest
}
