import { availableParallelism } from 'node:os'
import { defineConfig } from '@playwright/test'
// The same search for a browser serves tests, evaluator and bench.
import { CHROMIUM_ARGS, findChromium } from '../.config/chromium.mjs'

/** Another one where several checkouts are tested at once. */
const PORT = process.env.E2E_PORT ?? '4174'
const BASE = `http://127.0.0.1:${PORT}/spqr/`

/** Tests that make pictures or train, for as long as a minute: they begin first, and short ones fill the end. */
const COMPUTES = /(commands|engines|evaluate|faults|fleet|links|training)\w*\.spec\.ts$/

export default defineConfig({
  testDir: 'e2e',
  outputDir: '../test-results/e2e',
  // Small pictures that hold on every system: none of their own for each.
  snapshotPathTemplate: '{testDir}/look/{arg}{ext}',
  // Generous, since every wait ends with what it waits for: only a machine that other work keeps busy comes near it.
  timeout: 900_000,
  expect: { timeout: 60_000 },
  // Most wait for one thread that computes. Each has a browser of its own, and nothing is shared but the built page.
  workers: Math.min(availableParallelism(), 4),
  fullyParallel: true,
  projects: [
    { name: 'computes', testMatch: COMPUTES },
    { name: 'shows', testIgnore: COMPUTES },
  ],
  reporter: [['list'], ['json', { outputFile: '../test-results/e2e.json' }]],
  use: {
    baseURL: BASE,
    // Of a failure what was done, the page at each step and its last picture; no film, which every test would pay for.
    trace: { mode: 'retain-on-failure', screenshots: false },
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: findChromium(), args: CHROMIUM_ARGS },
  },
  webServer: {
    command: `npx tsx tests/helpers/built.ts && npx vite preview --port ${PORT} --host 127.0.0.1 --strictPort --base /spqr/`,
    cwd: '..',
    url: BASE,
    reuseExistingServer: false,
    timeout: 600_000,
  },
})
