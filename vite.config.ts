/// <reference types="vitest/config" />
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defaultClientConditions, defineConfig, type Plugin } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { download } from './.config/download.mjs'
import { messages } from './.config/messages/plugin.mjs'
import { pageAddress } from './.config/pageAddress.mjs'

/** Cross-origin isolation gives WASM its threads; hosts that cannot set headers get it from the service worker. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

function sameFile(a: string, b: string): boolean {
  return existsSync(b) && readFileSync(a).equals(readFileSync(b))
}

/** The build that a CPU takes: 14 MB, of which a quarter travels where it lies packed beside it. */
const CPU_BUILD = 'ort-wasm-simd-threaded.wasm'

/** onnxruntime's WebAssembly is served from our own origin, under /ort, never from a CDN. */
function ortRuntime(): Plugin {
  const from = fileURLToPath(new URL('node_modules/onnxruntime-web/dist/', import.meta.url))
  const to = fileURLToPath(new URL('public/ort/', import.meta.url))
  const pack = (): void => {
    const unfinished = `${to}${CPU_BUILD}.packed.${process.pid}`
    writeFileSync(unfinished, gzipSync(readFileSync(from + CPU_BUILD), { level: 9 }))
    renameSync(unfinished, `${to}${CPU_BUILD}.packed`)
  }
  return {
    name: 'ort-runtime',
    config() {
      mkdirSync(to, { recursive: true })
      for (const file of readdirSync(from)) {
        if (!/^ort-wasm-simd-threaded(\.jspi|\.asyncify)?\.(mjs|wasm)$/.test(file) || sameFile(from + file, to + file))
          continue
        // Renamed into place, so that a second process never sees half a file.
        const unfinished = `${to}${file}.${process.pid}`
        copyFileSync(from + file, unfinished)
        // First the packed one: a build that ends between the two packs again.
        if (file === CPU_BUILD) pack()
        renameSync(unfinished, to + file)
      }
      if (!existsSync(`${to}${CPU_BUILD}.packed`)) pack()
    },
  }
}

/** Names of the packs that hold a leaderboard, so that the page asks for no file that is not there. */
function leaderboards(): string[] {
  const packs = fileURLToPath(new URL('public/packs/', import.meta.url))
  return readdirSync(packs).filter((name) => existsSync(`${packs}${name}/leaderboard.json`))
}

export default defineConfig({
  base: './',
  define: { __LEADERBOARDS__: JSON.stringify(leaderboards()) },
  plugins: [
    ortRuntime(),
    messages({ components: !process.env.VITEST }),
    svelte(),
    pageAddress(),
    download(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'workers',
      filename: 'service-worker.ts',
      injectRegister: false,
      manifest: {
        name: 'spqr-web',
        short_name: 'spqr-web',
        description: 'Does a text-to-image model stay safe after benign fine-tuning? Measured in your browser.',
        start_url: './',
        display: 'standalone',
        background_color: '#ffffff',
        theme_color: '#0072b2',
        icons: [{ src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' }],
      },
      injectManifest: {
        globPatterns: ['index.html', 'assets/**/*.{js,css}', '*.svg', 'recorded/*', 'reference/*'],
        maximumFileSizeToCacheInBytes: 5e6,
      },
    }),
  ],
  // The build of onnxruntime that loads its WebAssembly from /ort; the other one would bundle 14 MB a second time.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  // WebKit runs a worker's first module a second time when a later chunk imports from it. With a group of any kind the
  // helpers of the bundler, which chunks share, get a chunk of their own instead of a place in that module.
  worker: {
    format: 'es',
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'comlink', test: /node_modules.comlink/ }] } } },
  },
  server: { headers: isolation },
  // As GitHub Pages does: a page in a sandboxed frame has no origin, and asks for its own scripts from outside.
  preview: { headers: { ...isolation, 'Access-Control-Allow-Origin': '*' } },
  build: {
    target: 'es2023',
    sourcemap: true,
    rolldownOptions: {
      // Nothing there does anything by being imported: an index then brings along only what is taken from it.
      treeshake: {
        moduleSideEffects: [
          { test: /\/src\/(core|evaluation)\/|\/(ml-matrix|papaparse|fflate)\//, sideEffects: false },
        ],
      },
    },
  },
  optimizeDeps: { exclude: ['onnxruntime-web', '@huggingface/transformers'] },
  test: {
    // Read here alone, whatever a project says: a busy machine takes longer than the minute it has by default.
    browser: { connectTimeout: 300_000 },
    projects: [
      {
        extends: true,
        // Coverage is simulated and whole runs are scored: a machine that other work keeps busy takes longer than 5 s.
        test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], environment: 'node', testTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          globalSetup: ['tests/helpers/mirrorSetup.ts'],
          // Some train a dozen times; a machine that other work keeps busy takes minutes over it.
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [
              {
                browser: 'chromium',
                provider: playwright({
                  launchOptions: {
                    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
                    args: [
                      '--no-sandbox',
                      '--enable-unsafe-webgpu',
                      '--disable-quic',
                      '--disable-background-networking',
                    ],
                  },
                }),
              },
            ],
          },
        },
      },
    ],
  },
})
