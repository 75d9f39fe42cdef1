/**
 * A repository of the Hugging Face hub, or of a mirror that speaks its protocol: `/api/models/…/revision/…` for commit
 * and licence, `/api/models/…/tree/…` for files with their LFS hashes, `/…/resolve/…` for bytes.
 */
import * as v from 'valibot'
import {
  SpqrError,
  checkShape,
  type ModelAddress,
  type SourceFile,
  type SourceLicence,
  type SourceListing,
} from '../../../core/contracts'
import { licenceOf, modelAddressText } from '../../../core/sources'
import { getJson, readRange, streamRange, type Network, type RangeRequest, type Request } from './http'
import { remember } from './remember'
import type { Bytes, ModelSource } from './source'

type HubAddress = Extract<ModelAddress, { kind: 'hub' }>

export interface HubOptions {
  /** Without a slash at the end. */
  endpoint: string
  /** Kept in memory only, and sent to the endpoint alone. */
  token: string | null
}

const commit = v.pipe(v.string(), v.regex(/^[0-9a-f]{40,64}$/))
const InfoSchema = v.looseObject({
  sha: commit,
  gated: v.optional(v.union([v.boolean(), v.string()])),
  tags: v.optional(v.array(v.string())),
  cardData: v.nullish(
    v.looseObject({
      license: v.nullish(v.union([v.string(), v.array(v.string())])),
      license_name: v.nullish(v.string()),
    }),
  ),
})
const size = v.pipe(v.number(), v.integer(), v.minValue(0))
const EntrySchema = v.looseObject({
  type: v.string(),
  path: v.string(),
  size: v.optional(size),
  oid: v.optional(v.string()),
  lfs: v.nullish(v.looseObject({ oid: v.pipe(v.string(), v.regex(/^(sha256:)?[0-9a-f]{64}$/)), size })),
})
const TreeSchema = v.array(EntrySchema)
/** A repository with more pages of a thousand files is no model. */
const MAX_PAGES = 50

const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

export class HubSource implements ModelSource {
  readonly id: string
  private listed: { listing: SourceListing; sizes: Map<string, number>; commit: string } | null = null

  constructor(
    private readonly address: HubAddress,
    private readonly options: HubOptions,
    private readonly network: Network,
  ) {
    this.id = modelAddressText(address)
  }

  readonly list = remember(async (signal?: AbortSignal): Promise<SourceListing> => {
    const { address } = this
    const info = this.parse(
      InfoSchema,
      (await getJson(this.api(`revision/${encodeURIComponent(address.revision)}`), this.network, signal)).json,
    )
    const files = await this.tree(info.sha, signal)
    if (files.length === 0) {
      throw new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${this.id}" holds no files${address.subfolder === '' ? '' : ` in the subfolder "${address.subfolder}"`}.`,
        'Check the spelling of the id and of its subfolder.',
      )
    }
    const listing = { id: modelAddressText({ ...address, revision: info.sha }), files, licence: licence(info) }
    this.listed = { listing, sizes: new Map(files.map(({ path, bytes }) => [path, bytes])), commit: info.sha }
    return listing
  })

  async readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Bytes> {
    return readRange(await this.range(path, start, end, signal), this.network, signal)
  }

  async stream(
    path: string,
    start: number,
    end: number,
    onBytes: (bytes: Bytes, offset: number) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    await streamRange(await this.range(path, start, end, signal), this.network, onBytes, signal)
  }

  local(): null {
    return null
  }

  private async tree(sha: string, signal?: AbortSignal): Promise<SourceFile[]> {
    const { subfolder } = this.address
    let request: Request | null = this.api(
      `tree/${sha}${subfolder === '' ? '' : `/${encodePath(subfolder)}`}?recursive=1`,
    )
    const files: SourceFile[] = []
    for (let page = 0; request && page < MAX_PAGES; page++) {
      const { json, headers }: { json: unknown; headers: Headers } = await getJson(request, this.network, signal)
      for (const entry of this.parse(TreeSchema, json)) {
        if (entry.type === 'file') files.push(this.file(entry))
      }
      const next = /<([^>]+)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1]
      request = next === undefined ? null : this.nextPage(next)
    }
    return files
  }

  /** A mirror may name the hub itself in `Link`: only path and query of it are followed, on the endpoint. */
  private nextPage(link: string): Request {
    const { pathname, search } = new URL(link, `${this.options.endpoint}/`)
    const at = pathname.indexOf('/api/models/')
    return { ...this.api(''), url: `${this.options.endpoint}${pathname.slice(Math.max(0, at))}${search}` }
  }

  private file({ path, size: plain = 0, oid, lfs }: v.InferOutput<typeof EntrySchema>): SourceFile {
    const { subfolder } = this.address
    const relative = subfolder !== '' && path.startsWith(`${subfolder}/`) ? path.slice(subfolder.length + 1) : path
    return {
      path: relative,
      bytes: lfs?.size ?? plain,
      sha256: lfs?.oid.replace('sha256:', '') ?? null,
      gitSha1: !lfs && oid && /^[0-9a-f]{40}$/.test(oid) ? oid : null,
    }
  }

  private async range(path: string, start: number, end: number, signal?: AbortSignal): Promise<RangeRequest> {
    if (!this.listed) await this.list(signal)
    const { listed, address } = this
    const total = listed?.sizes.get(path)
    if (!listed || total === undefined)
      throw new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${this.id}" has no file "${path}".`,
        'The repository is incomplete, or laid out otherwise than its manifest says.',
      )
    const full = address.subfolder === '' ? path : `${address.subfolder}/${path}`
    const url = `${this.options.endpoint}/${address.owner}/${address.name}/resolve/${listed.commit}/${encodePath(full)}`
    return { ...this.request(url, path), start, end, total }
  }

  private api(rest: string): Request {
    return this.request(
      `${this.options.endpoint}/api/models/${this.address.owner}/${this.address.name}/${rest}`,
      this.id,
    )
  }

  private request(url: string, what: string): Request {
    const { token } = this.options
    return {
      url,
      what,
      ...(token === null ? {} : { headers: { Authorization: `Bearer ${token}` } }),
      explain: (response) => this.explain(response, what),
    }
  }

  /** The hub returns 401 for a missing repository too, so that private ones stay hidden. */
  private explain({ status, headers }: Response, what: string): SpqrError | undefined {
    const code = headers.get('x-error-code')
    const { token, endpoint } = this.options
    const { owner, name, revision } = this.address
    if (code === 'GatedRepo' || status === 403) {
      return new SpqrError(
        'SOURCE_FORBIDDEN',
        `The owner of "${this.id}" asks for an agreement before download.`,
        token === null
          ? `Agree on ${endpoint}/${owner}/${name}, then enter an access token.`
          : `This token may not read it: agree on ${endpoint}/${owner}/${name}, or use another token.`,
      )
    }
    if (code === 'RevisionNotFound')
      return new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${owner}/${name}" has no revision "${revision}".`,
        'Use a branch, tag or commit of the repository, or leave it out.',
      )
    if (code === 'EntryNotFound')
      return new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${what}" is not in "${owner}/${name}".`,
        'Check the spelling of the id and of its subfolder.',
      )
    if (status === 401 || status === 404 || code === 'RepoNotFound') {
      return new SpqrError(
        'SOURCE_NOT_FOUND',
        `There is no model "${owner}/${name}" on ${new URL(endpoint).host}, or it is not open to ${token === null ? 'visitors without a token' : 'this token'}.`,
        'Check the spelling; a private or gated model needs an access token.',
      )
    }
    return undefined
  }

  private parse<Schema extends v.GenericSchema>(schema: Schema, json: unknown): v.InferOutput<Schema> {
    const { value, fault } = checkShape(schema, json)
    if (fault === null) return value
    throw new SpqrError(
      'DOWNLOAD_FAILED',
      `The list of "${this.id}" is wrong at ${fault}.`,
      "The mirror does not speak the hub's protocol; check its address in the settings.",
    )
  }
}

function licence({ cardData, tags, gated }: v.InferOutput<typeof InfoSchema>): SourceLicence {
  const tagged = tags?.find((tag) => tag.startsWith('license:'))?.slice('license:'.length)
  const [card] = [cardData?.license ?? []].flat()
  const id = (card === 'other' || card === undefined ? cardData?.license_name : null) ?? card ?? tagged ?? null
  return licenceOf(id, gated !== undefined && gated !== false)
}
