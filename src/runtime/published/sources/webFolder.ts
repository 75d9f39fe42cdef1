/** A folder on any web server: its manifest.json names every file with bytes and SHA-256. */
import * as v from 'valibot'
import {
  PackFileSchema,
  SpqrError,
  type ModelAddress,
  type PackFile,
  type SourceListing,
} from '../../../core/contracts'
import { licenceOf } from '../../../core/sources'
import { digestHex } from '../../events'
import { getJson, readRange, streamRange, type Network, type RangeRequest } from './http'
import { remember } from './remember'
import type { Bytes, ModelSource } from './source'

const MANIFEST = 'manifest.json'

/** Every `{ path, bytes, sha256 }` in a manifest, at whatever depth, once each. */
export function filesOfManifest(json: unknown): PackFile[] {
  const found = new Map<string, PackFile>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const file = v.safeParse(PackFileSchema, value)
    if (file.success) found.set(file.output.path, file.output)
    else Object.values(value).forEach(visit)
  }
  visit(json)
  return [...found.values()]
}

export class WebFolderSource implements ModelSource {
  readonly id: string
  private sizes = new Map<string, number>()
  private manifest: Bytes | null = null

  constructor(
    private readonly address: Extract<ModelAddress, { kind: 'url' }>,
    private readonly network: Network,
  ) {
    this.id = address.baseUrl
  }

  readonly list = remember(async (signal?: AbortSignal): Promise<SourceListing> => {
    const { json } = await getJson(
      { url: new URL(MANIFEST, this.id).href, what: `${this.id}${MANIFEST}` },
      this.network,
      signal,
    )
    const files = filesOfManifest(json)
    if (files.length === 0)
      throw new SpqrError(
        'MANIFEST_INVALID',
        `"${this.id}${MANIFEST}" names no files with their bytes and SHA-256.`,
        'Write it with the export recipe under models/export.',
      )
    // The manifest as it was read: the same bytes for whoever asks later.
    this.manifest = new TextEncoder().encode(JSON.stringify(json))
    const own = { path: MANIFEST, bytes: this.manifest.length, sha256: await digestHex(this.manifest) }
    const all = [own, ...files.filter(({ path }) => path !== MANIFEST)].map((file) => ({ ...file, gitSha1: null }))
    this.sizes = new Map(all.map(({ path, bytes }) => [path, bytes]))
    const stated = v.safeParse(v.looseObject({ licence: v.string() }), json)
    return {
      id: `${this.id}#${own.sha256.slice(0, 16)}`,
      files: all,
      licence: licenceOf(stated.success ? stated.output.licence : null, false),
    }
  })

  async readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Bytes> {
    const request = await this.range(path, start, end, signal)
    return path === MANIFEST && this.manifest
      ? this.manifest.slice(start, end)
      : readRange(request, this.network, signal)
  }

  async stream(
    path: string,
    start: number,
    end: number,
    onBytes: (bytes: Bytes, offset: number) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (path === MANIFEST) await onBytes(await this.readRange(path, start, end, signal), start)
    else await streamRange(await this.range(path, start, end, signal), this.network, onBytes, signal)
  }

  local(): null {
    return null
  }

  private async range(path: string, start: number, end: number, signal?: AbortSignal): Promise<RangeRequest> {
    await this.list(signal)
    const total = this.sizes.get(path)
    if (total === undefined)
      throw new SpqrError(
        'SOURCE_NOT_FOUND',
        `The manifest of "${this.id}" names no file "${path}".`,
        'The folder is incomplete; publish it again.',
      )
    return {
      url: new URL(path.split('/').map(encodeURIComponent).join('/'), this.id).href,
      what: path,
      start,
      end,
      total,
    }
  }
}
