/**
 * Serves the folder this file is in to a classroom, with nothing but Node.js: `node serve.mjs`. Scripts and WebAssembly go
 * out compressed; the headers isolate the page, so that drawing uses every core where the browser allows it.
 */
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { networkInterfaces } from 'node:os'
import { extname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const ROOT = fileURLToPath(new URL('./', import.meta.url))
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}
/** Weights do not get smaller; these do, by two thirds. */
const COMPRESSED = new Set(['.html', '.js', '.mjs', '.css', '.json', '.svg', '.wasm'])
const compressed = new Map()

function gzipped(file) {
  const { mtimeMs } = statSync(file)
  const known = compressed.get(file)
  if (known?.mtimeMs === mtimeMs) return known.bytes
  const bytes = gzipSync(readFileSync(file))
  compressed.set(file, { mtimeMs, bytes })
  return bytes
}

/** The file behind an address; null for one outside the folder, a hidden one, and one that is not there. */
function fileOf(address) {
  let path
  try {
    path = decodeURIComponent(new URL(address, 'http://room').pathname)
  } catch {
    return null
  }
  const file = normalize(join(ROOT, path.endsWith('/') ? `${path}index.html` : path))
  if (
    !file.startsWith(ROOT) ||
    file
      .slice(ROOT.length)
      .split(sep)
      .some((part) => part.startsWith('.'))
  )
    return null
  return existsSync(file) && statSync(file).isFile() ? file : null
}

/** @param {{ port?: number, host?: string }} options */
export function serve({ port = 8000, host = '0.0.0.0' } = {}) {
  const server = createServer((request, response) => {
    const file = request.method === 'GET' || request.method === 'HEAD' ? fileOf(request.url ?? '/') : null
    if (!file) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such file here.')
    const kind = extname(file)
    const headers = {
      'content-type': TYPES[kind] ?? 'application/octet-stream',
      'cache-control': 'no-cache',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    }
    const small = COMPRESSED.has(kind) && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
    if (small) {
      const bytes = gzipped(file)
      response.writeHead(200, {
        ...headers,
        'content-encoding': 'gzip',
        'content-length': bytes.length,
        vary: 'accept-encoding',
      })
      return void response.end(request.method === 'HEAD' ? undefined : bytes)
    }
    response.writeHead(200, { ...headers, 'content-length': statSync(file).size })
    if (request.method === 'HEAD') return void response.end()
    createReadStream(file).pipe(response)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 8000)
  try {
    await serve({ port })
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    console.error(taken ? `Port ${port} is taken. Choose another one: PORT=8080 node serve.mjs` : String(error))
    process.exit(1)
  }
  const room = Object.values(networkInterfaces())
    .flat()
    .filter((address) => address && address.family === 'IPv4' && !address.internal)
  console.log(`On this machine:  http://localhost:${port}/#lesson`)
  for (const address of room) console.log(`For the class:    http://${address?.address}:${port}/#lesson`)
  console.log('Stop it with Ctrl and C.')
}
