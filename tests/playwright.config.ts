import { defineConfig } from '@playwright/test'
// The same search for a browser serves tests, evaluator and bench.
import { CHROMIUM_ARGS, findChromium } from '../.config/chromium.mjs'

export default defineConfig({
  testDir: 'e2e',
  outputDir: '../test-results/e2e',
  // Generous, since every wait ends with what it waits for: only a machine that other work keeps busy comes near it.
  timeout: 900_000,
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: [['list'], ['json', { outputFile: '../test-results/e2e.json' }]],
  use: {
    baseURL: 'http://127.0.0.1:4174/spqr/',
    trace: 'retain-on-failure',
    launchOptions: { executablePath: findChromium(), args: CHROMIUM_ARGS },
  },
  webServer: {
    command: 'npx vite preview --port 4174 --host 127.0.0.1 --strictPort --base /spqr/',
    cwd: '..',
    url: 'http://127.0.0.1:4174/spqr/',
    reuseExistingServer: false,
  },
})
