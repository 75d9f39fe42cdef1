/** Where adapters come from: the pack, the user's own files, the trainer's checkpoints. */
import { parseAdapter, readSafetensors, stackAdapters, withConfig, type Adapter } from '../../core/adapters'
import { isGuardFormat, type GuardFormat } from '../../core/methods'
import {
  SpqrError,
  type Accelerator,
  type AdapterPart,
  type AlignmentSpec,
  type ModelComponent,
  type ModelVariant,
  type PackManifest,
} from '../../core/contracts'
import type { KeyValue } from './cache'
import { digestHex, type OnEvent } from '../events'
import type { PackFiles } from './files'
import { weightShapes } from '../generator/weights'

/** IndexedDB database of the trainer's checkpoints: key → safetensors of what it changed. */
export const CHECKPOINT_DATABASE = 'spqr-checkpoints'
/** Where a checkpoint's SHA-256 is stored; versions before 0.2 stored none. */
export const checkpointHashKey = (key: string): string => `${key}:sha256`
/** IndexedDB database of the user's adapter files, by SHA-256: a recreated engine finds them again. */
export const ADAPTER_DATABASE = 'spqr-adapters'

export interface AdapterStores {
  own: KeyValue
  checkpoints: KeyValue
}

/** U-Net weights by their names, text-encoder weights as `text_encoder.<name>`. */
export function adaptableWeights(manifest: PackManifest): Map<string, readonly number[]> {
  const prefixed = [...weightShapes(manifest.model.textEncoder)].map(
    ([name, shape]) => [`text_encoder.${name}`, shape] as const,
  )
  return new Map<string, readonly number[]>([...weightShapes(manifest.model.unet), ...prefixed])
}

/** The part of an adapter that changes one component, with that component's own weight names. */
export function targetsOf(adapter: Adapter, component: ModelComponent, prefix: string): Adapter {
  const own = weightShapes(component)
  const targets = new Map(
    [...adapter.targets].flatMap(([name, target]) => {
      const local = prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : prefix === '' ? name : null
      return local !== null && own.has(local) ? [[local, target] as const] : []
    }),
  )
  return { ...adapter, targets }
}

/** What of an alignment changes weights: the rest of it does not need another session. */
export const weightKey = (alignment: AlignmentSpec | null): AlignmentSpec | null =>
  alignment?.kind === 'inference' ? null : alignment

/** Adapters that change weights of a component. */
export const changesOf = (adapters: readonly Adapter[], component: ModelComponent, prefix: string): Adapter[] =>
  adapters.map((adapter) => targetsOf(adapter, component, prefix)).filter(({ targets }) => targets.size > 0)

export class AdapterShelf {
  /** Files that storage refused, for this visit. */
  private readonly memory = new Map<string, { name: string; bytes: Uint8Array<ArrayBuffer> }>()
  /** Checkpoints that storage has not, for this visit. */
  private readonly held = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Of the pack, read once: every stage takes the same one. */
  private readonly accelerators = new Map<string, Adapter>()
  private readonly weights: Map<string, readonly number[]>

  constructor(
    private readonly manifest: PackManifest,
    private readonly files: PackFiles,
    private readonly stores: AdapterStores,
    private readonly onEvent: OnEvent,
  ) {
    this.weights = adaptableWeights(manifest)
  }

  /** Checks a file of the user's against the model and keeps it. Throws the ADAPTER_… errors by tensor name. */
  async add(
    name: string,
    given: Uint8Array<ArrayBuffer>,
    config?: string,
  ): Promise<{ sha256: string; format: string; tensors: number; rank: number | null }> {
    const bytes = config === undefined ? given : withConfig(readSafetensors(given), config)
    const file = readSafetensors(bytes)
    const adapter = parseAdapter(file, this.weights, { strength: 1, name })
    const sha256 = await digestHex(bytes)
    this.memory.set(sha256, { name, bytes })
    try {
      await this.stores.own.set(sha256, bytes)
    } catch {
      this.onEvent({
        type: 'warning',
        code: 'STORAGE_FULL',
        message: `The browser refused to store "${name}"; add it again on the next visit.`,
      })
    }
    return { sha256, format: adapter.format, tensors: file.tensors.size, rank: adapter.rank }
  }

  /** The safetensors bytes of a pack's or user's adapter. */
  async bytes(
    ref: { kind: 'pack'; id: string } | { kind: 'file'; sha256: string },
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (ref.kind === 'pack') return this.files.load(this.entry(ref.id).file, signal)
    const known = this.memory.get(ref.sha256)
    if (known) return known.bytes
    const stored = await this.stores.own.get(ref.sha256).catch(() => undefined)
    if (stored instanceof Uint8Array) {
      const bytes = stored as Uint8Array<ArrayBuffer>
      if ((await digestHex(bytes)) === ref.sha256) return bytes
    }
    throw new SpqrError(
      'BAD_INPUT',
      `The adapter file with SHA-256 ${ref.sha256.slice(0, 12)}… is not stored in this browser.`,
      'Add the file again.',
    )
  }

  /** The adapter of an alignment that is a file. */
  async alignment(spec: Extract<AlignmentSpec, { kind: 'pack' | 'file' }>, signal?: AbortSignal): Promise<Adapter> {
    return spec.kind === 'pack' ? this.pack(spec.id, signal) : this.stack([spec, ...(spec.more ?? [])], signal)
  }

  async fineTune(
    fineTune: Exclude<ModelVariant['fineTune'], { kind: 'accelerate' }>,
    signal?: AbortSignal,
  ): Promise<Adapter | null> {
    switch (fineTune.kind) {
      case 'none':
        return null
      case 'pack':
        return this.pack(fineTune.id, signal)
      case 'file':
        return this.stack([{ ...fineTune, name: 'adapter file' }, ...(fineTune.more ?? [])], signal)
      case 'checkpoint':
        return this.checkpoint(fineTune.key)
    }
  }

  /** A few-step adapter of the pack: the fast sampler's, or the one of the base alone. */
  async accelerator(
    accelerator: Accelerator | null | undefined,
    which: 'file' | 'onBase',
    signal?: AbortSignal,
  ): Promise<Adapter> {
    const file = accelerator?.[which]
    if (!file)
      throw new SpqrError(
        'BAD_INPUT',
        'This model has no such accelerator.',
        'Choose the full sampler and a fine-tune.',
      )
    const known = this.accelerators.get(file.sha256)
    if (known) return known
    const bytes = await this.files.load(file, signal)
    const adapter = parseAdapter(readSafetensors(bytes), this.weights, { strength: 1, name: accelerator.id })
    this.accelerators.set(file.sha256, adapter)
    return adapter
  }

  private entry(id: string) {
    const entry = this.manifest.adapters.find((one) => one.id === id)
    if (!entry)
      throw new SpqrError(
        'BAD_INPUT',
        `The pack "${this.manifest.id}" has no adapter "${id}".`,
        `It has: ${this.manifest.adapters.map((one) => one.id).join(', ') || 'none'}.`,
      )
    return entry
  }

  /** The file of a guard, by its hash and format. @throws {SpqrError} BAD_INPUT where the pack has none */
  async guard(format: GuardFormat, sha256: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { id, adapters } = this.manifest
    const entry = adapters.find((one) => one.format === format && one.file.sha256 === sha256)
    if (entry) return this.files.load(entry.file, signal)
    throw new SpqrError(
      'BAD_INPUT',
      `The pack "${id}" does not have the network with SHA-256 ${sha256.slice(0, 12)}… that guards this run.`,
      'Open the version of the page that the run was made with.',
    )
  }

  private async pack(id: string, signal?: AbortSignal): Promise<Adapter> {
    const { format, file } = this.entry(id)
    if (isGuardFormat(format))
      throw new SpqrError('BAD_INPUT', `"${id}" is a guard and changes no weights.`, 'Choose it as a method.')
    return parseAdapter(readSafetensors(await this.files.load(file, signal)), this.weights, {
      strength: 1,
      name: file.path,
      format,
    })
  }

  /** Files of the user's, one upon the other, each with its strength. */
  private async stack(parts: readonly AdapterPart[], signal?: AbortSignal): Promise<Adapter> {
    const adapters = []
    for (const { sha256, strength, name } of parts) {
      const bytes = await this.bytes({ kind: 'file', sha256 }, signal)
      adapters.push(
        parseAdapter(readSafetensors(bytes), this.weights, { strength, name: this.memory.get(sha256)?.name ?? name }),
      )
    }
    return stackAdapters(adapters)
  }

  /** Keeps a checkpoint's adapter for this visit, in the place of what is stored. */
  holdCheckpoint(key: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.held.set(key, bytes)
  }

  dropCheckpoint(key: string): void {
    this.held.delete(key)
  }

  private async checkpoint(key: string): Promise<Adapter> {
    const bytes = this.held.get(key) ?? (await storedCheckpoint(this.stores.checkpoints, key))
    return parseAdapter(readSafetensors(bytes), this.weights, { strength: 1, name: key })
  }
}

/** A checkpoint as it was stored. @throws SpqrError CHECKPOINT_INVALID when it is missing, damaged or cut short */
export async function storedCheckpoint(store: KeyValue, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const again = 'It is trained again from the same seed.'
  // A store that cannot be read holds nothing.
  const read = (name: string) => store.get(name).catch(() => undefined)
  const stored = await read(key)
  if (!(stored instanceof Uint8Array))
    throw new SpqrError('CHECKPOINT_INVALID', `The checkpoint "${key}" is not stored in this browser.`, again)
  const bytes = stored as Uint8Array<ArrayBuffer>
  const sha256 = await read(checkpointHashKey(key))
  const whole = sha256 === undefined ? holdsNumbers(bytes) : sha256 === (await digestHex(bytes))
  if (!whole)
    throw new SpqrError('CHECKPOINT_INVALID', `The checkpoint "${key}" was damaged where it is stored.`, again)
  return bytes
}

/** All that can be said of a checkpoint without a hash: it is a file of finite numbers. */
function holdsNumbers(bytes: Uint8Array): boolean {
  try {
    return [...readSafetensors(bytes).tensors.values()].every((tensor) => tensor.floats().every(Number.isFinite))
  } catch {
    return false
  }
}
