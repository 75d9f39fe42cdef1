/** Opening a pack: its manifest, prompts and judge facts. Everything is validated; weights follow when needed. */
import type * as v from 'valibot'
import { readAccelerator } from '../core/adapters'
import {
  AlignmentsSchema,
  AttackSuitesSchema,
  PackManifestSchema,
  PromptFileSchema,
  RevisionsSchema,
  SpqrError,
  alignmentsBeside,
  checkShape,
  reviveError,
  suitesBeside,
  type Accelerator,
  type JudgeFacts,
  type PackAdapter,
  type PackManifest,
  type Prompt,
} from '../core/contracts'
import { parseJsonBytes } from './jsonBytes'
import type { KeyValue } from './storage/cache'
import { digestHex, throwIfAborted, type OnEvent } from './events'
import type { PackFiles } from './storage/files'
import { BUSY, Retries, type Wait } from './storage/retry'
import { judgeFacts } from './judges/judgeFacts'
import { measuredRates } from './judges/measuredRates'

export interface OpenedPack {
  manifest: PackManifest
  manifestSha256: string
  prompts: Prompt[]
  judges: JudgeFacts[]
  measured: unknown
  /** Null where the pack has none. */
  accelerator: Accelerator | null
}

type Bytes = Uint8Array<ArrayBuffer>

function parseJson(what: string, bytes: Uint8Array): unknown {
  const { value, fault } = parseJsonBytes(bytes)
  if (fault !== null)
    throw new SpqrError('MANIFEST_INVALID', `${what} cannot be read: ${fault}.`, 'Publish the pack again.')
  return value
}

/** Checks a manifest; the sentence names the first field that is wrong. */
export function parseManifest(bytes: Uint8Array): PackManifest {
  const { value, fault } = checkShape(PackManifestSchema, parseJson('The manifest', bytes))
  if (fault === null) return value
  throw new SpqrError(
    'MANIFEST_INVALID',
    `The manifest is wrong at ${fault}.`,
    'The pack was made for another version of this page, or is damaged.',
  )
}

const AGAIN = 'Check the connection and try again.'
const unloaded = (why: string, hint: string) =>
  new SpqrError('DOWNLOAD_FAILED', `The manifest of the pack could not be loaded: ${why}.`, hint)

/** The manifest's bytes: from the network, or the last ones seen when there is none (offline visits). */
async function fetchManifest(url: string, options: OpenPackOptions, signal?: AbortSignal): Promise<Bytes> {
  const { store, onEvent } = options
  const key = `manifest:${url}`
  const retries = new Retries(options.wait, signal)
  for (;;) {
    const answer = await askForManifest(url, options.fetch, signal)
    if (answer.bytes) {
      // Storing is a convenience for later visits; a full disk must not stop this one.
      await keepManifest(store, key, answer.bytes).catch(() => undefined)
      return answer.bytes
    }
    const stored = await keptManifest(store, key).catch(() => null)
    if (stored) {
      onEvent({
        type: 'warning',
        code: 'DOWNLOAD_FAILED',
        message: `${answer.why}; the pack stored on the last visit is used.`,
      })
      return stored
    }
    await retries.after(answer.error)
  }
}

const hashKey = (key: string): string => `sha256:${key}`

async function keepManifest(store: KeyValue, key: string, bytes: Bytes): Promise<void> {
  await store.set(hashKey(key), await digestHex(bytes))
  await store.set(key, bytes)
}

/** The manifest of an earlier visit, if it is as it was stored; versions before 0.2 stored no hash. */
async function keptManifest(store: KeyValue, key: string): Promise<Bytes | null> {
  const stored = await store.get(key)
  if (!(stored instanceof Uint8Array)) return null
  const bytes = stored as Bytes
  const sha256 = await store.get(hashKey(key))
  return sha256 === undefined || sha256 === (await digestHex(bytes)) ? bytes : null
}

/** One request: the bytes, or what may be mended by another try; throws what may not. */
async function askForManifest(
  url: string,
  fetcher: typeof fetch,
  signal?: AbortSignal,
): Promise<{ bytes: Bytes } | { bytes: null; why: string; error: SpqrError }> {
  const unreachable = {
    bytes: null,
    why: 'The server cannot be reached',
    error: unloaded('the server cannot be reached', AGAIN),
  }
  let bytes: Bytes
  try {
    const response = await fetcher(url, { cache: 'no-cache', signal: signal ?? null })
    if (!response.ok) {
      const error = unloaded(`the server answered ${response.status}`, 'Check the address of the pack.')
      if (!BUSY.has(response.status)) throw error
      return { bytes: null, why: `The server answered ${response.status}`, error }
    }
    bytes = new Uint8Array(await response.arrayBuffer())
  } catch (thrown) {
    throwIfAborted(signal)
    if (thrown instanceof SpqrError) throw thrown
    return unreachable
  }
  if (/^\s*</.test(new TextDecoder().decode(bytes.subarray(0, 16))))
    throw unloaded('the server sent a web page in its place', 'Check the address of the pack.')
  return { bytes }
}

type Suite = PackManifest['prompts'][number]

async function readPrompts(files: PackFiles, suites: readonly Suite[], signal?: AbortSignal): Promise<Prompt[]> {
  const all: Prompt[] = []
  for (const { suite, count, file } of suites) {
    const { value, fault } = checkShape(PromptFileSchema, parseJson(`"${file.path}"`, await files.load(file, signal)))
    if (fault !== null)
      throw new SpqrError(
        'MANIFEST_INVALID',
        `The prompts in "${file.path}" are wrong at ${fault}.`,
        'Publish the pack again.',
      )
    if (value.length !== count || value.some((prompt) => prompt.suite !== suite)) {
      throw new SpqrError(
        'MANIFEST_INVALID',
        `"${file.path}" does not hold the ${count} prompts of suite "${suite}" that the manifest promises.`,
        'Publish the pack again.',
      )
    }
    all.push(...value)
  }
  return all
}

export interface OpenPackOptions {
  baseUrl: string
  files: PackFiles
  store: KeyValue
  fetch: typeof fetch
  onEvent: OnEvent
  /** For tests: waits before a further try. */
  wait?: Wait | undefined
}

/** Throws DOWNLOAD_FAILED, HASH_MISMATCH, MANIFEST_INVALID, ABORTED. */
export async function openPack(options: OpenPackOptions, signal?: AbortSignal): Promise<OpenedPack> {
  const { baseUrl, files, onEvent } = options
  onEvent({ type: 'phase', phase: 'manifest', what: baseUrl })
  const bytes = await fetchManifest(new URL('manifest.json', baseUrl).href, options, signal)
  const manifest = parseManifest(bytes)
  onEvent({ type: 'phase', phase: 'download', what: 'prompts' })
  const [prompts, beside, alignments, accelerator] = await Promise.all([
    readPrompts(files, manifest.prompts, signal),
    openBeside(options, manifest, signal),
    openAlignments(options, manifest, signal),
    openAccelerator(options, manifest, signal),
  ])
  const measured = manifest.measured
    ? parseJson(`"${manifest.measured.path}"`, await files.load(manifest.measured, signal))
    : null
  const judges: JudgeFacts[] = []
  for (const judge of manifest.judges)
    judges.push(await judgeFacts(files, judge, measuredRates(measured, judge.id), signal))
  return {
    manifest: {
      ...manifest,
      adapters: [...manifest.adapters, ...alignments],
      prompts: [...manifest.prompts, ...beside.suites],
    },
    manifestSha256: await digestHex(bytes),
    prompts: [...prompts, ...beside.prompts],
    judges,
    measured,
    accelerator,
  }
}

/** A file that the server may have beside the manifest; null where it has none. Offline the last one seen is taken. */
async function fetchBeside(
  name: string,
  { baseUrl, store, fetch: fetcher }: OpenPackOptions,
  signal?: AbortSignal,
): Promise<Bytes | null> {
  const url = new URL(`${name}.json`, baseUrl).href
  const key = `${name}:${url}`
  const answer = await fetcher(url, { cache: 'no-cache', signal: signal ?? null }).catch(() => null)
  throwIfAborted(signal)
  if (answer === null) return keptManifest(store, key).catch(() => null)
  if (!answer.ok || !answer.headers.get('content-type')?.includes('json')) return null
  const bytes = new Uint8Array(await answer.arrayBuffer())
  await keepManifest(store, key, bytes).catch(() => undefined)
  return bytes
}

/** What a file beside the manifest describes; null where there is none, or where it is wrong, which is told. */
async function readBeside<Schema extends v.GenericSchema>(
  name: string,
  schema: Schema,
  options: OpenPackOptions,
  signal?: AbortSignal,
): Promise<v.InferOutput<Schema> | null> {
  const bytes = await fetchBeside(name, options, signal)
  if (bytes === null) return null
  try {
    const { value, fault } = checkShape(schema, parseJson(`The file ${name}.json`, bytes))
    if (fault === null) return value
    throw new SpqrError('MANIFEST_INVALID', `The file ${name}.json is wrong at ${fault}.`)
  } catch (thrown) {
    warn(options, reviveError(thrown).message)
    return null
  }
}

const warn = ({ onEvent }: OpenPackOptions, message: string): void =>
  onEvent({ type: 'warning', code: 'MANIFEST_INVALID', message })

/** Suites that are described beside the manifest; whatever is wrong with one is told, and the pack opens without it. */
async function openBeside(
  options: OpenPackOptions,
  manifest: PackManifest,
  signal?: AbortSignal,
): Promise<{ suites: Suite[]; prompts: Prompt[] }> {
  const [revisions, attacks] = await Promise.all([
    readBeside('revisions', RevisionsSchema, options, signal),
    readBeside('attacks', AttackSuitesSchema, options, signal),
  ])
  const found = suitesBeside(manifest, revisions, attacks)
  for (const suite of found.leftOut)
    warn(options, `The suite "${suite}" beside the manifest is left out: it fits no suite, or its name is taken.`)
  const suites: Suite[] = []
  const prompts: Prompt[] = []
  for (const suite of found.suites) {
    try {
      prompts.push(...(await readPrompts(options.files, [suite], signal)))
      suites.push(suite)
    } catch (thrown) {
      throwIfAborted(signal)
      warn(options, reviveError(thrown).message)
    }
  }
  return { suites, prompts }
}

/** Alignments that are described beside the manifest; their files are loaded when a run takes them. */
async function openAlignments(
  options: OpenPackOptions,
  manifest: PackManifest,
  signal?: AbortSignal,
): Promise<PackAdapter[]> {
  const found = alignmentsBeside(manifest, await readBeside('alignments', AlignmentsSchema, options, signal))
  for (const id of found.leftOut)
    warn(options, `The alignment "${id}" beside the manifest is left out: its name is taken.`)
  return found.adapters
}

/** A file that does not fit the pack is told and left out: the full sampler needs none. */
async function openAccelerator(
  options: OpenPackOptions,
  manifest: PackManifest,
  signal?: AbortSignal,
): Promise<Accelerator | null> {
  const bytes = await fetchBeside('accelerator', options, signal)
  if (bytes === null) return null
  try {
    return readAccelerator(parseJson('The file accelerator.json', bytes), manifest.model)
  } catch (thrown) {
    options.onEvent({ type: 'warning', code: 'MANIFEST_INVALID', message: reviveError(thrown).message })
    return null
  }
}
