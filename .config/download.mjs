/**
 * What one machine downloads for the lesson, counted where the page is built, so that no page has to state a number that
 * somebody typed: `dist/download.json` with the bytes of the page, of onnxruntime's WebAssembly and of the pack.
 */
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The build of onnxruntime that a CPU takes. */
const RUNTIME = ['ort/ort-wasm-simd-threaded.wasm.packed', 'ort/ort-wasm-simd-threaded.mjs']
/** What the lesson makes and trains with: its method, its fine-tune, its training graph and its pictures. */
const LESSON = { adapters: ['esd-x', 'esd-x-standard-general'], profile: 'standard', scenario: 'general' }

const size = (path) => statSync(path).size
const below = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** Every file that a part of a manifest names, by its path. */
function filesOf(part) {
  if (typeof part !== 'object' || part === null) return []
  const own = typeof part.path === 'string' && typeof part.bytes === 'number' ? [[part.path, part.bytes]] : []
  return [...own, ...Object.values(part).flatMap(filesOf)]
}

/** Bytes of what the lesson takes of a pack. */
export function packBytes(folder) {
  const text = readFileSync(join(folder, 'manifest.json'), 'utf8')
  const { model, judges, prompts, adapters, measured, training } = JSON.parse(text)
  const { profiles, datasets, ...data } = training ?? { profiles: [], datasets: [] }
  const accelerator = JSON.parse(readFileSync(join(folder, 'accelerator.json'), 'utf8'))
  // The lesson draws fast, by the accelerator's own decoder where it has one.
  const { vaeDecoder, ...parts } = model
  const files = filesOf([
    accelerator.decoder ? parts : { ...parts, vaeDecoder },
    judges,
    measured,
    prompts,
    adapters.filter(({ id }) => LESSON.adapters.includes(id)),
    data,
    datasets.filter(({ scenario }) => scenario === LESSON.scenario),
    profiles.filter(({ profile }) => profile === LESSON.profile),
  ])
  const { file, decoder } = accelerator
  const all = new Map([...files, ...filesOf([file, decoder])])
  return [...all.values()].reduce(
    (sum, bytes) => sum + bytes,
    Buffer.byteLength(text) + size(join(folder, 'accelerator.json')),
  )
}

/** Bytes of the page itself: what its service worker keeps, and the worker. */
function pageBytes(dist) {
  const kept = below(dist).filter((file) => {
    const path = file.slice(dist.length + 1)
    return (
      /^(index\.html|service-worker\.js|[^/]*\.svg)$/.test(path) ||
      /^assets\/.*\.(js|css)$/.test(path) ||
      /^(recorded|reference)\//.test(path)
    )
  })
  return kept.reduce((sum, file) => sum + size(file), 0)
}

/** Vite plug-in: counts after the last file is written. */
export const download = () => {
  let dist = ''
  return {
    name: 'download-size',
    apply: 'build',
    configResolved(config) {
      dist = config.build.outDir.startsWith('/') ? config.build.outDir : join(config.root, config.build.outDir)
    },
    closeBundle: {
      sequential: true,
      order: 'post',
      handler() {
        const runtime = RUNTIME.reduce((sum, file) => sum + size(join(dist, file)), 0)
        const counted = { page: pageBytes(dist), runtime, pack: packBytes(join(dist, 'packs', 'pictogram')) }
        writeFileSync(join(dist, 'download.json'), JSON.stringify(counted))
      },
    },
  }
}
