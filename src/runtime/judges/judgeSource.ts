/** Judges that come from elsewhere than the pack: from the hub by a card, from a web folder, from a folder on disk. */
import { sha256 as hash } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { SpqrError, completeJudge, openPaths, type Judge, type JudgeChoice, type PackFile } from '../../core/contracts'
import { parseJsonBytes } from '../jsonBytes'
import { throwIfAborted, type OnEvent } from '../events'
import type { FileLoader } from '../storage/files'
import { ModelStore } from '../storage/modelStore'
import { DiskFolderSource, chosenFiles, openSource, type Bytes, type ModelSource } from '../published/sources'

const MANIFEST = 'manifest.json'
/** Files without a published hash are hashed when the judge is added; only small ones are: tokenizers, configurations. */
const MAX_UNHASHED = 64 * 2 ** 20

/** The verified files of a source, kept in the model store where they were fetched. */
export class SourceFiles implements FileLoader {
  constructor(
    private readonly source: ModelSource,
    private readonly store: () => Promise<ModelStore>,
    private readonly onEvent: OnEvent,
  ) {}

  async load({ path, sha256 }: PackFile, signal?: AbortSignal): Promise<Bytes> {
    const bytes = await this.bytes(path, signal)
    const actual = bytesToHex(hash(bytes))
    if (actual === sha256) return bytes
    throw new SpqrError(
      'HASH_MISMATCH',
      `"${path}" is not the file the manifest names: its SHA-256 is ${actual}, expected ${sha256}.`,
      'The file was changed or damaged on the way; load or export it again.',
    )
  }

  /** The whole file, whatever its hash. */
  async bytes(path: string, signal?: AbortSignal): Promise<Bytes> {
    const local = this.source.local(path)
    const found =
      local ??
      (
        await (
          await this.store()
        ).fetch(this.source, [path], {
          ...(signal && { signal }),
          onProgress: ({ loaded, total, state, bytesPerSecond }) =>
            this.onEvent({
              type: 'download',
              file: path,
              loaded,
              total,
              fromCache: state !== 'loading',
              bytesPerSecond,
            }),
        })
      ).get(path)
    throwIfAborted(signal)
    if (!found)
      throw new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${this.source.id}" has no file "${path}".`,
        'Choose the whole folder of the judge.',
      )
    return new Uint8Array(await found.arrayBuffer())
  }
}

/** Reads the judge behind a choice. Throws MANIFEST_INVALID, SOURCE_NOT_FOUND, SOURCE_FORBIDDEN, DOWNLOAD_FAILED, ABORTED. */
export async function readJudge(
  { description, source: chosen }: JudgeChoice,
  onEvent: OnEvent,
  signal?: AbortSignal,
  store?: ModelStore,
): Promise<{ judge: Judge; files: FileLoader }> {
  const source =
    chosen.kind === 'folder'
      ? new DiskFolderSource(chosen.name, chosenFiles(chosen.files))
      : openSource(chosen.address, { endpoint: chosen.endpoint, token: chosen.token })
  let opened: Promise<ModelStore> | null = null
  const files = new SourceFiles(
    source,
    () => (store ? Promise.resolve(store) : (opened ??= ModelStore.open())),
    onEvent,
  )
  onEvent({ type: 'phase', phase: 'manifest', what: source.id })
  const described = description ?? parseManifest(source.id, await files.bytes(MANIFEST, signal))
  return { judge: completeJudge(described, await complete(source, files, openPaths(described), signal)), files }
}

function parseManifest(id: string, bytes: Bytes): unknown {
  const { value, fault } = parseJsonBytes(bytes)
  if (fault === null) return value
  throw new SpqrError(
    'MANIFEST_INVALID',
    `The manifest.json of "${id}" cannot be read: ${fault}.`,
    'Export the judge again with the scripts under models/judges.',
  )
}

/** Bytes and hash of the files a description names by path alone; those that are missing are left out. */
async function complete(
  source: ModelSource,
  files: SourceFiles,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, PackFile>> {
  const found = new Map<string, PackFile>()
  if (paths.length === 0) return found
  const listing = await source.list(signal)
  for (const { path, bytes, sha256 } of listing.files) {
    if (!paths.includes(path)) continue
    if (sha256 === null && bytes > MAX_UNHASHED)
      throw new SpqrError(
        'SOURCE_UNSUITABLE',
        `"${source.id}" tells no hash of "${path}", so it cannot be verified.`,
        'Take the judge from the hub, or export it yourself.',
      )
    found.set(path, { path, bytes, sha256: sha256 ?? bytesToHex(hash(await files.bytes(path, signal))) })
  }
  return found
}
