/** A published model behind the engine: its manifest, its stored files, and the pack it generates in the place of. */
import {
  SpqrError,
  type DiffusionModel,
  type ModelChoice,
  type ModelComponent,
  type ModelManifest,
  type PackManifest,
  type RepositoryFile,
} from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { knownModel } from '../../core/repository'
import { parseEndpoint, parseModelAddress } from '../../core/sources'
import { digestHex, throwIfAborted, type OnEvent } from '../events'
import { ModelStore } from '../storage/modelStore'
import type { OpenedPack } from '../pack'
import type { PublishedFiles } from './published'
import { publishedTokenizer, readRepository } from './repository'
import { DiskFolderSource, chosenFiles, browserNetwork, filesOfManifest, openSource, type ModelSource } from './sources'
import type { PackTokenizer } from '../generator/tokenizer'

export interface PublishedContext {
  /** For tests; the browser's own store otherwise. */
  store?: ModelStore | undefined
  fetch: typeof fetch
}

/** Files of a source as they are in the model store. */
export class StoredPublished implements PublishedFiles {
  private fetched = false

  constructor(
    private readonly store: ModelStore,
    private readonly source: ModelSource,
    private readonly paths: readonly string[],
    public onEvent: OnEvent,
  ) {}

  /** Everything the model needs, in parallel. Throws SOURCE_NOT_FOUND, DOWNLOAD_FAILED, HASH_MISMATCH, STORAGE_FULL, ABORTED. */
  async fetchAll(signal?: AbortSignal): Promise<void> {
    if (this.fetched) return
    await this.load(this.paths, signal)
    this.fetched = true
  }

  async blob({ path }: RepositoryFile, signal?: AbortSignal): Promise<Blob> {
    return (await this.load([path], signal)).get(path)!
  }

  private load(paths: readonly string[], signal?: AbortSignal): Promise<Map<string, Blob>> {
    return this.store.fetch(this.source, paths, {
      ...(signal ? { signal } : {}),
      onProgress: ({ path, loaded, total, state, bytesPerSecond }) => {
        this.onEvent({
          type: 'download',
          file: path,
          loaded,
          total,
          fromCache: state === 'stored' && this.fetched,
          bytesPerSecond,
        })
      },
    })
  }
}

function sourceOf({ source }: ModelChoice, fetcher: typeof fetch): ModelSource {
  if (source.kind === 'folder') return new DiskFolderSource(source.name, chosenFiles(source.files))
  return openSource(
    parseModelAddress(source.text),
    { endpoint: parseEndpoint(source.endpoint), token: source.token },
    { ...browserNetwork(), fetch: fetcher },
  )
}

const partsOf = (model: DiffusionModel): ModelComponent[] => [model.textEncoder, model.unet, model.vaeDecoder]

/** Files of the parts that every picture needs; encoder and float32 graphs follow when they are asked for. */
function filesOf(model: DiffusionModel): RepositoryFile[] {
  const graphs = partsOf(model).flatMap((part) =>
    'onnx' in part ? [part.onnx, ...part.data.map(({ file }) => file)] : [],
  )
  const { tokenizer } = model
  const own = 'repository' in tokenizer ? Object.values(tokenizer.files).flatMap((file) => file ?? []) : []
  return [...graphs, ...own]
}

const bytesOf = (files: readonly { bytes: number }[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0)

/** Bytes of weights beyond which parts are loaded one after another; WASM has 4 GB for everything, GPUs differ. */
const LARGE_BYTES = { wasm: 1.5e9, webgpu: 3e9 } as const

/** Model and judges together. Half precision is computed in float32 on the CPU, so it counts twice there. */
export function isLarge(
  { model, judges }: Pick<PackManifest, 'model' | 'judges'>,
  provider: 'wasm' | 'webgpu',
): boolean {
  const held = partsOf(model).reduce((sum, part) => {
    if (!('onnx' in part)) return sum
    const bytes = bytesOf([part.onnx, ...part.data.map(({ file }) => file)])
    return sum + (provider === 'wasm' && part.precision === 'float16' ? 2 * bytes : bytes)
  }, 0)
  return held + bytesOf(filesOfManifest(judges)) > LARGE_BYTES[provider]
}

/** Precision of the U-Net, for the Report. */
export function precisionOf({ unet }: DiffusionModel): string {
  return 'onnx' in unet ? unet.precision : 'float32'
}

async function manifestOf(source: ModelSource, choice: ModelChoice, signal?: AbortSignal): Promise<ModelManifest> {
  const known = knownModel(source.id)
  if (known?.unsupported !== undefined)
    throw new SpqrError(
      'SOURCE_UNSUITABLE',
      `"${source.id}" cannot be used: ${known.unsupported}.`,
      known.instead ?? 'Choose another model.',
    )
  const manifest = await readRepository(
    source,
    {
      variant: choice.variant,
      ...(known
        ? {
            title: known.title,
            defaults: { numInferenceSteps: known.numInferenceSteps, guidanceScale: known.guidanceScale },
          }
        : {}),
    },
    signal,
  )
  // A repository that states no licence: what is known of it counts.
  const stated = manifest.licence.id === null && known ? { ...manifest.licence, id: known.licence } : manifest.licence
  return { ...manifest, licence: { ...stated, nonCommercial: stated.nonCommercial || (known?.nonCommercial ?? false) } }
}

/** What a person confirms before anything large is fetched. */
export async function describePublished(
  choice: ModelChoice,
  context: PublishedContext,
  signal?: AbortSignal,
): Promise<{ manifest: ModelManifest; bytes: number; missing: number }> {
  const source = sourceOf(choice, context.fetch)
  const manifest = await manifestOf(source, choice, signal)
  const files = filesOf(manifest.model)
  const missing =
    choice.source.kind === 'folder'
      ? 0
      : await (context.store ?? (await ModelStore.open())).missing(
          source,
          files.map(({ path }) => path),
          signal,
        )
  return { manifest, bytes: bytesOf(files), missing }
}

export interface OpenedPublished {
  manifest: PackManifest
  manifestSha256: string
  files: StoredPublished
  tokenizer: PackTokenizer
}

/** Longest id and version of a RunSpec. */
const LABEL = 200

/**
 * A published model with the pack's prompts and judges: what is measured is the model, by that ruler. The pack's adapters,
 * training steps and measured figures belong to its own generator and are left out.
 */
export async function openPublished(
  pack: OpenedPack,
  choice: ModelChoice,
  context: PublishedContext & { onEvent: OnEvent },
  signal?: AbortSignal,
): Promise<OpenedPublished> {
  const source = sourceOf(choice, context.fetch)
  context.onEvent({ type: 'phase', phase: 'manifest', what: source.id })
  const own = await manifestOf(source, choice, signal)
  for (const note of own.notes) context.onEvent({ type: 'warning', code: 'SOURCE_UNSUITABLE', message: note })
  const files = new StoredPublished(
    context.store ?? (await ModelStore.open()),
    source,
    filesOf(own.model).map(({ path }) => path),
    context.onEvent,
  )
  const { tokenizer: settings } = own.model
  if (!('repository' in settings)) throw new SpqrError('MANIFEST_INVALID', `"${own.id}" has no tokenizer of its own.`)
  const tokenizer = await publishedTokenizer(files, settings, own.id, signal)
  const manifest: PackManifest = {
    ...pack.manifest,
    id: own.id.slice(0, LABEL),
    version: own.version.slice(-LABEL),
    title: own.title,
    licence: own.licence.id ?? 'not stated',
    attribution: [],
    model: own.model,
    adapters: [],
    measured: null,
  }
  delete manifest.training
  const { version, model } = own
  // A revision on the web names its content; a folder's name and sizes do not.
  const contents =
    choice.source.kind === 'folder' ? { contents: await contentHashes(files, filesOf(model), signal) } : {}
  return {
    manifest,
    manifestSha256: hashOf({ version, model, ...contents }),
    files,
    tokenizer,
  }
}

/** Bytes hashed at once: files of gigabytes are never in memory whole. */
const HASHED_BYTES = 64 * 2 ** 20

/** By path, the SHA-256 of the file's digests, one per 64 MB. */
async function contentHashes(
  files: PublishedFiles,
  wanted: readonly RepositoryFile[],
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {}
  for (const file of wanted) {
    const blob = await files.blob(file, signal)
    let digests = ''
    for (let at = 0; at < blob.size; at += HASHED_BYTES) {
      throwIfAborted(signal)
      digests += await digestHex(new Uint8Array(await blob.slice(at, at + HASHED_BYTES).arrayBuffer()))
    }
    hashes[file.path] = await digestHex(new TextEncoder().encode(digests))
  }
  return hashes
}
