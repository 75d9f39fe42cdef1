/**
 * The page in engines that are not Chromium, where they are installed: each opens it, runs the demo, is left in the middle
 * of it and goes on, reads and checks a link of Chromium, and trains. Its pictures and losses are Chromium's, to the bit.
 * `npm run engines` prints the table.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, test, type Page } from '@playwright/test'
import type { Report } from '../../src/core/contracts'
import type { SpqrScript } from '../../src/evaluation/run/runApi'
import type { DrivenBrowser } from '../helpers/engines/driven'
import { findFirefox, startFirefox } from '../helpers/engines/firefox'
import { findWebKit, startWebKit } from '../helpers/engines/webkit'

const SMOKE = { preset: 'smoke', ep: 'wasm' }
/** Left when this many of its 32 pictures are made. */
const LEFT_AFTER = 8
const LIVE = {
  ...{ preset: 'custom', n: '2', 'n-benign': '2', steps: '2', ep: 'wasm', threads: '1' },
  ...{ train: 'lite', 'train-steps': '2', checkpoints: '0,2' },
}

// What Chromium made is compared with by all: one worker.
test.describe.configure({ mode: 'default' })

interface Scripted {
  spqr: SpqrScript
}

/** One column of the table: what a browser has, and what it was seen to do. */
type Column = Record<string, string>
const table = new Map<string, Column>()

/** Resolves when the page says something; else tells what it says. Runs in the page. */
const shows = (wanted: string): Promise<true> =>
  new Promise((resolve, reject) => {
    const look = () => document.body.innerText.includes(wanted) && resolve(true)
    if (look()) return
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
    const main = () => document.querySelector('main')?.innerText.slice(0, 2000)
    setTimeout(() => reject(new Error(`"${wanted}" is not on the page, but: ${main()}`)), 300_000)
  })
/** Presses a button once it is there and can be pressed. Runs in the page. */
const press = (label: string): Promise<true> =>
  new Promise((resolve) => {
    const find = () =>
      [...document.querySelectorAll('button')].find(({ innerText, disabled }) => !disabled && innerText.includes(label))
    const look = () => {
      const button = find()
      if (!button) return false
      button.click()
      resolve(true)
      return true
    }
    if (look()) return
    const watch = new MutationObserver(() => look() && watch.disconnect())
    watch.observe(document.body, { subtree: true, childList: true, attributes: true })
  })
/** What the engine brings along, by name. Runs in the page. */
const facts = (): Column => {
  const yes = (has: boolean) => (has ? 'yes' : 'no')
  return {
    'threads (shared memory)': yes(crossOriginIsolated && 'SharedArrayBuffer' in globalThis),
    WebGPU: yes('gpu' in navigator),
    'keeps the screen awake': yes('wakeLock' in navigator),
    'works offline (service worker)': yes('serviceWorker' in navigator),
  }
}

const evaluate = (parameters: Record<string, string>): Promise<Report> =>
  (globalThis as unknown as Scripted).spqr.evaluate(parameters)
interface Made {
  report: Report
  heard: string
  /** Its full result link. */
  link: string
}
/** Begins a run and resolves when so many pictures are made, while it goes on. Runs in the page. */
const begin = ([parameters, pictures]: [Record<string, string>, number]): Promise<true> =>
  new Promise((resolve, reject) => {
    ;(globalThis as unknown as Scripted).spqr
      .evaluate(parameters, ({ progress }) => progress && progress.done >= pictures && resolve(true))
      .catch(reject)
  })
const goOn = async (parameters: Record<string, string>): Promise<Made> => {
  const { spqr } = globalThis as unknown as Scripted
  const heard: string[] = []
  const report = await spqr.evaluate(parameters, ({ message }) => message !== null && heard.push(message))
  return { report, heard: heard.join('\n'), link: spqr.link(report, 'full') }
}

/** Everything a run decided: hashes of pictures, verdicts, losses, and every figure of the Report with all its digits. */
const decided = ({ record, createdAt, environment, timings, ...figures }: Report) => {
  void [createdAt, environment, timings]
  return JSON.stringify({ outcomes: record.outcomes, losses: record.training?.losses ?? null, figures })
}

function equalPictures(one: Report, other: Report): number {
  const hashes = ({ record }: Report) =>
    record.outcomes.map((outcome) => (outcome.status === 'judged' ? outcome.imageSha256 : null))
  const theirs = hashes(other)
  return hashes(one).filter((hash, i) => hash !== null && hash === theirs[i]).length
}

async function journey(browser: DrivenBrowser, base: string, reference: Reference): Promise<void> {
  const column: Column = { ...(await open(browser, base)) }
  table.set(browser.name, column)
  column['opens, shows the recorded run'] = 'yes'

  await browser.evaluate(begin, [SMOKE, LEFT_AFTER])
  await open(browser, base)
  const { report, heard } = await browser.evaluate(goOn, SMOKE)
  expect(Number(/(\d+) of them made earlier/.exec(heard)?.[1])).toBeGreaterThanOrEqual(LEFT_AFTER)
  column['stores a run, goes on after a reload'] = 'yes'
  expect(report.counts).toMatchObject({ done: 32, failed: 0 })
  column['runs the demo (WASM)'] = 'yes'
  const theirs = reference.smoke.report
  expect(decided(report)).toBe(decided(theirs))
  column['pictures that are Chromium’s to the bit'] = `${equalPictures(report, theirs)} of 32`

  await browser.goto(`${base}${reference.smoke.link}`)
  await browser.evaluate(shows, 'Recomputed from 32 samples: equal.')
  column['reads a link of Chromium'] = 'yes'
  await browser.evaluate(press, 'random samples here')
  await browser.evaluate(shows, 'All 8 samples came out bit-identical')
  column['makes samples of a link again'] = 'yes'

  await open(browser, base)
  expect(decided(await browser.evaluate(evaluate, LIVE))).toBe(decided(reference.live))
  column['fine-tunes with the bits of Chromium'] = 'yes'
  if (process.env.SHOTS)
    writeFileSync(`${process.env.SHOTS}/${browser.name.split(' ')[0]}.png`, await browser.screenshot())
}

async function open(browser: DrivenBrowser, base: string): Promise<Column> {
  await browser.goto(base)
  await browser.evaluate(shows, 'Recorded on')
  return browser.evaluate(facts)
}

interface Reference {
  smoke: Made
  live: Report
}
let reference: Reference | undefined
/** What Chromium makes of the same, once, when a browser is there to be compared. */
const compared = async (chromium: Page): Promise<Reference> =>
  (reference ??= { smoke: await chromium.evaluate(goOn, SMOKE), live: await chromium.evaluate(evaluate, LIVE) })

test.afterAll(() => {
  if (table.size === 0) return
  const names = [...table.keys()]
  const rows = [...new Set([...table.values()].flatMap((column) => Object.keys(column)))]
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const lines = [
    line(['', ...names]),
    line(['---', ...names.map(() => '---')]),
    ...rows.map((row) => line([row, ...names.map((name) => table.get(name)?.[row] ?? 'not seen')])),
  ]
  console.log(`\n${lines.join('\n')}\n`)
})

const ENGINES: { name: string; start: (() => Promise<DrivenBrowser>) | undefined; how: string }[] = [
  {
    name: 'Firefox',
    start: ((path) => path && (() => startFirefox(path)))(findFirefox()) || undefined,
    how: 'Firefox is not installed: install it (Debian: apt-get install firefox-esr), or set FIREFOX_PATH.',
  },
  {
    name: 'WebKitGTK',
    start: ((paths) => paths && (() => startWebKit(paths)))(findWebKit()),
    how: 'WebKitGTK is not installed: apt-get install webkit2gtk-driver xvfb.',
  },
]

for (const { name, start, how } of ENGINES)
  test(`${name} runs, reads and trains what Chromium does, left and opened again`, async ({ page, baseURL }) => {
    if (!start) console.log(how)
    test.skip(!start, how)
    await page.goto('./')
    await page.waitForFunction(() => 'spqr' in globalThis)
    const expected = await compared(page)
    const browser = await start!()
    try {
      await journey(browser, baseURL!, expected)
    } finally {
      await browser.close()
    }
  })

test('no part of a worker imports from its first module, which WebKit would run a second time', () => {
  const assets = new URL('../../dist/assets/', import.meta.url)
  const files = readdirSync(assets).filter((name) => name.endsWith('.js'))
  const first = files.filter((name) => /^(engine|trainer|statistics|storage|prompts)-/.test(name))
  expect(first).toHaveLength(5)
  const imports = files.filter((name) => {
    const text = readFileSync(new URL(name, assets), 'utf8')
    return first.some((entry) => text.includes(`from"./${entry}"`) || text.includes(`import("./${entry}")`))
  })
  expect(imports).toEqual([])
})
