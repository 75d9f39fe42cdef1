/** Finds the browser: CHROMIUM_PATH, a system Chromium or Chrome, Playwright's own, else says how to install it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright'

const SYSTEM = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]
const HOW =
  'No Chromium found. Install one with "npx playwright install chromium" or your package manager (Debian: apt-get install chromium), or set CHROMIUM_PATH.'

/** @returns {string} path of an executable; throws an Error that says what to install */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH
  if (named) {
    if (existsSync(named)) return named
    throw new Error(`CHROMIUM_PATH names ${named}, which does not exist.`)
  }
  const found = [...SYSTEM, chromium.executablePath()].find((path) => path && existsSync(path))
  if (found) return found
  throw new Error(HOW)
}

/** On Debian as root the test set-up may install the browser; elsewhere the sentence above stands. */
export function ensureChromium() {
  try {
    return findChromium()
  } catch (error) {
    const apt =
      process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
    if (!apt || process.env.CHROMIUM_PATH) throw error
    execFileSync('apt-get', ['update', '-q'], { stdio: 'inherit' })
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], { stdio: 'inherit' })
    return findChromium()
  }
}

/** Flags for headless runs: software WebGPU, no background traffic. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
