/** Reading the address of a model: `hf:owner/name@revision/subfolder`, a link to the hub's page, or a web folder. */
import { SpqrError, shortened, type ModelAddress } from '../contracts'

/** The hub's own address; a mirror replaces it in the settings. */
export const HUB_ENDPOINT = 'https://huggingface.co'
const HUB_HOSTS = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co'])
/** Longer than any address that a server takes. */
const MAX_LENGTH = 2000
const EXAMPLE =
  'Write hf:owner/name, hf:owner/name@revision/subfolder, or the https address of a folder with a manifest.json.'

const bad = (text: string, why: string) =>
  new SpqrError('BAD_INPUT', `"${shortened(text)}" is no address of a model: ${why}.`, EXAMPLE)

/** The hub's own rule: letters, digits, `-`, `_`, `.`; no `--` or `..`; at most 96 characters. */
const isName = (part: string): boolean => /^[\w.-]{1,96}$/.test(part) && !/^[.-]|[.-]$|--|\.\./.test(part)
const isRevision = (text: string): boolean => /^[\w./-]{1,200}$/.test(text) && !text.includes('..')
const isFolder = (text: string): boolean =>
  text === '' || (/^[\w.@+ -]+(\/[\w.@+ -]+)*$/.test(text) && !/(^|\/)\.\.?(\/|$)/.test(text))

function hub(text: string, owner: string, name: string, revision: string, subfolder: string): ModelAddress {
  if (!isName(owner) || !isName(name)) throw bad(text, 'owner and name are letters, digits, ".", "_" and "-"')
  if (!isRevision(revision)) throw bad(text, 'its revision is no branch, tag or commit')
  if (!isFolder(subfolder)) throw bad(text, 'its subfolder is no relative path')
  return { kind: 'hub', owner, name, revision, subfolder }
}

/** `owner/name[@revision][/subfolder]`; a revision with slashes is written with %2F, as `refs%2Fpr%2F1`. */
function shortForm(text: string, rest: string): ModelAddress {
  const parts = /^([^/@]+)\/([^/@]+)(?:@([^/]+))?(?:\/(.*?))?\/?$/.exec(rest)
  if (!parts) throw bad(text, 'it lacks an owner or a name')
  const [, owner = '', name = '', revision = 'main', subfolder = ''] = parts
  return hub(text, owner, name, revision.replaceAll(/%2f/gi, '/'), subfolder)
}

interface WebAddress {
  scheme: string
  user: string | undefined
  host: string
  port: string
  path: string
}

/** Parts of a web address; core knows no DOM and so no URL. Query and fragment are dropped. */
function webAddress(text: string): WebAddress | null {
  const parts = /^(https?):\/\/(?:([^/@?#]*)@)?([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?(\/[^?#\s]*)?(?:[?#]\S*)?$/i.exec(
    text,
  )
  if (!parts) return null
  const [, scheme = '', user, host = '', port = '', path = '/'] = parts
  return { scheme: scheme.toLowerCase(), user, host: host.toLowerCase(), port, path }
}

/** The page of a repository, as copied from the browser: `/owner/name[/tree/revision[/subfolder]]`. */
function hubPage(text: string, path: string): ModelAddress {
  const [owner = '', name = '', view, revision = 'main', ...folders] = path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => part.replaceAll('%20', ' ').replaceAll(/%2f/gi, '/'))
  if (name === '' || (view !== undefined && view !== 'tree'))
    throw bad(text, 'it is not the page of a model repository')
  return hub(text, owner, name, revision, folders.join('/'))
}

/** Throws BAD_INPUT with what is wrong. A plain `owner/name` is taken as the hub's. */
export function parseModelAddress(text: string): ModelAddress {
  const trimmed = text.trim()
  if (trimmed === '') throw bad(text, 'it is empty')
  if (trimmed.length > MAX_LENGTH) throw bad(text, `it has more than ${MAX_LENGTH} characters`)
  if (/^hf:/i.test(trimmed)) return shortForm(trimmed, trimmed.slice(3))
  if (!/^[a-z][a-z\d+.-]*:/i.test(trimmed)) return shortForm(trimmed, trimmed)
  const web = webAddress(trimmed)
  if (web && HUB_HOSTS.has(web.host)) return hubPage(trimmed, web.path)
  return { kind: 'url', baseUrl: webFolder(trimmed, web) }
}

/** https, or http on this machine, where nobody listens in. Ends in a slash. */
function webFolder(text: string, web: WebAddress | null): string {
  if (!web) throw bad(text, 'it is no web address')
  const { scheme, user, host, port } = web
  if (user !== undefined)
    throw bad(text.replace(`${user}@`, ''), 'it carries a user name or password, which would be stored with it')
  if (scheme !== 'https' && !['localhost', '127.0.0.1', '[::1]'].includes(host))
    throw bad(text, 'only https is loaded, and http from this machine')
  const path = web.path.replace(/\/manifest\.json$/, '/')
  return `${scheme}://${host}${port}${path}${path.endsWith('/') ? '' : '/'}`
}

/** Reads the address of a hub or mirror: no slash at the end. Empty: the hub itself. Throws BAD_INPUT. */
export function parseEndpoint(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' ? HUB_ENDPOINT : webFolder(trimmed, webAddress(trimmed)).replace(/\/$/, '')
}

/** The address in one line, as a person may type it again. */
export function modelAddressText(address: ModelAddress): string {
  if (address.kind === 'url') return address.baseUrl
  const { owner, name, revision, subfolder } = address
  return `hf:${owner}/${name}${revision === 'main' ? '' : `@${revision.replaceAll('/', '%2F')}`}${subfolder === '' ? '' : `/${subfolder}`}`
}
