/// <reference types="vitest/config" />
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type Plugin } from 'vite'

/** Cross-origin isolation gives WASM its threads; hosts that cannot set headers get it from the service worker. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** onnxruntime's WebAssembly is served from our own origin, under /ort, never from a CDN. */
function ortRuntime(): Plugin {
  const from = fileURLToPath(new URL('node_modules/onnxruntime-web/dist/', import.meta.url))
  const to = fileURLToPath(new URL('public/ort/', import.meta.url))
  return {
    name: 'ort-runtime',
    config() {
      mkdirSync(to, { recursive: true })
      for (const file of readdirSync(from)) {
        if (/^ort-wasm-simd-threaded(\.jspi|\.asyncify)?\.(mjs|wasm)$/.test(file)) cpSync(from + file, to + file)
      }
    },
  }
}

export default defineConfig({
  base: './',
  plugins: [ortRuntime(), svelte()],
  worker: { format: 'es' },
  server: { headers: isolation },
  preview: { headers: isolation },
  build: { target: 'es2023', sourcemap: true },
  optimizeDeps: { exclude: ['onnxruntime-web', '@huggingface/transformers'] },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], environment: 'node' } },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          testTimeout: 120_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{
              browser: 'chromium',
              provider: playwright({
                launchOptions: {
                  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
                  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--disable-quic', '--disable-background-networking'],
                },
              }),
            }],
          },
        },
      },
    ],
  },
})
