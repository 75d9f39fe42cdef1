/** What a class takes along: one ZIP, served by Node.js alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, cpSync, mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { strFromU8, unzipSync } from 'fflate'
import { expect, test } from 'vitest'
import { classroomFiles, writeZip } from '../../.config/classroom.mjs'
import { packBytes } from '../../.config/download.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))

test('the ZIP holds the built page without source maps, the server and how to start it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'classroom-'))
  try {
    const dist = join(folder, 'dist')
    mkdirSync(join(dist, 'assets'), { recursive: true })
    writeFileSync(join(dist, 'index.html'), '<!doctype html>')
    writeFileSync(join(dist, 'assets', 'a.js'), 'a'.repeat(1000))
    writeFileSync(join(dist, 'assets', 'a.js.map'), '{}')
    const out = join(folder, 'out.zip')
    const bytes = await writeZip(classroomFiles(dist), out)
    const files = unzipSync(readFileSync(out))
    expect(bytes).toBe(readFileSync(out).length)
    expect(Object.keys(files).sort()).toEqual(
      ['START.txt', 'assets/a.js', 'index.html', 'serve.mjs'].map((name) => `spqr-web/${name}`),
    )
    expect(strFromU8(files['spqr-web/assets/a.js'] ?? new Uint8Array())).toBe('a'.repeat(1000))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('its server isolates the page, compresses what gets smaller, and serves nothing outside its folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'classroom-'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>x</title>')
  writeFileSync(join(folder, 'a.wasm'), new Uint8Array(5000))
  writeFileSync(join(folder, 'w.safetensors'), new Uint8Array(100))
  writeFileSync(join(folder, '.secret'), 'no')
  cpSync(join(root, '.config/classroom/serve.mjs'), join(folder, 'serve.mjs'))
  const { serve } = (await import(
    pathToFileURL(join(folder, 'serve.mjs')).href
  )) as typeof import('../../.config/classroom/serve.mjs')
  const server = await serve({ port: 0, host: '127.0.0.1' })
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const page = await fetch(`${base}/`)
    expect([
      page.status,
      page.headers.get('cross-origin-opener-policy'),
      page.headers.get('cross-origin-embedder-policy'),
    ]).toEqual([200, 'same-origin', 'require-corp'])
    const wasm = await fetch(`${base}/a.wasm`, { headers: { 'accept-encoding': 'gzip' } })
    expect([wasm.headers.get('content-type'), wasm.headers.get('content-encoding')]).toEqual([
      'application/wasm',
      'gzip',
    ])
    expect((await wasm.arrayBuffer()).byteLength).toBe(5000)
    const weights = await fetch(`${base}/w.safetensors`)
    expect([weights.headers.get('content-encoding'), (await weights.arrayBuffer()).byteLength]).toEqual([null, 100])
    for (const path of ['/.secret', '/..%2f..%2fetc/passwd', '/nothing', '/%zz'])
      expect((await fetch(base + path)).status, path).toBe(404)
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
})

test('the stated download counts the files of the lesson by its manifest, and no other method’s', () => {
  const folder = join(root, 'public/packs/pictogram')
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const manifest = read('manifest.json') as {
    adapters: { id: string; file: { bytes: number } }[]
    model: { vaeDecoder: { weights: { bytes: number } } }
  }
  const others = manifest.adapters.filter(({ id }) => !['esd-x', 'esd-x-standard-general'].includes(id))
  expect(others.length).toBeGreaterThan(0)
  const all = packBytes(folder)
  expect(all).toBeGreaterThan(20e6)
  expect(all).toBeLessThan(37e6)
  // A pack whose accelerator has no decoder of its own draws with the model's.
  const plain = mkdtempSync(join(tmpdir(), 'spqr-'))
  try {
    const { decoder, ...accelerator } = read('accelerator.json') as { decoder: { weights: { bytes: number } } }
    writeFileSync(join(plain, 'manifest.json'), readFileSync(join(folder, 'manifest.json')))
    writeFileSync(join(plain, 'accelerator.json'), JSON.stringify(accelerator))
    // Files beside, such as the accelerator's own description, differ by less.
    expect(packBytes(plain) - all).toBeGreaterThan(
      (manifest.model.vaeDecoder.weights.bytes - decoder.weights.bytes) / 2,
    )
  } finally {
    rmSync(plain, { recursive: true })
  }
})
