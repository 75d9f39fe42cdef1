/**
 * `npm run soak`: evaluations one after another in one tab, by default 20 of the smoke preset with a seed each, and after
 * each what the tab holds: memory of the page with its workers, nodes, workers. Exit status 0 only if memory stays flat.
 */
import type { CDPSession, Page } from 'playwright'
import { SpqrError } from '../core/contracts'
import { argumentPairs } from '../evaluation/spec/params'
import { command } from './files'
import { inPage, openPage, withBrowser } from './page'

/** Runs until caches, sessions and compiled code are there. */
const WARM_UP = 3
/** What memory may rise by from then on. */
const RISE = 0.1

interface Held {
  /** Bytes of the page with its workers, as the browser counts them after collecting garbage. */
  memory: number
  nodes: number
  workers: number
  seconds: number
}

async function measure(page: Page, cdp: CDPSession): Promise<Omit<Held, 'seconds'>> {
  await cdp.send('HeapProfiler.collectGarbage')
  const memory = await inPage<number>(page, 'performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)')
  const { nodes } = await cdp.send('Memory.getDOMCounters')
  return { memory, nodes, workers: page.workers().length }
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** By how much the median of the last runs exceeds that of the first after warming up, as a share. */
function riseOf(memory: readonly number[]): number {
  const warm = memory.slice(WARM_UP)
  const part = Math.max(1, Math.floor(warm.length / 3))
  return middle(warm.slice(-part)) / middle(warm.slice(0, part)) - 1
}

function runsOf(argv: readonly string[]): number {
  const { runs = '20', ...others } = Object.fromEntries(argumentPairs(argv))
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new SpqrError('BAD_INPUT', `"--${unknown}" is no option of the soak test.`, 'It has runs.')
  const count = Number(runs)
  if (!Number.isInteger(count) || count < WARM_UP + 2 || count > 10_000)
    throw new SpqrError('BAD_INPUT', `"--runs" is a whole number from ${WARM_UP + 2} to 10000, not "${runs}".`)
  return count
}

async function main(argv: readonly string[]): Promise<number> {
  const runs = runsOf(argv)
  return withBrowser(false, async ({ context }, url) => {
    const { page, problems } = await openPage(context, url)
    const cdp = await context.newCDPSession(page)
    const held: Held[] = []
    for (let seed = 0; seed < runs; seed += 1) {
      const begun = performance.now()
      const parameters = JSON.stringify({ preset: 'smoke', ep: 'wasm', seed: String(seed) })
      await inPage(page, `spqr.evaluate(${parameters}).then(() => null)`)
      const one: Held = { ...(await measure(page, cdp)), seconds: (performance.now() - begun) / 1000 }
      held.push(one)
      console.log(
        `${String(seed + 1).padStart(3)}  ${(one.memory / 2 ** 20).toFixed(1).padStart(7)} MiB  ${String(one.nodes).padStart(6)} nodes  ${one.workers} workers  ${one.seconds.toFixed(1)} s`,
      )
    }
    const rise = riseOf(held.map(({ memory }) => memory))
    console.log(`Memory after ${WARM_UP} runs and at the end differ by ${(100 * rise).toFixed(1)} %.`)
    for (const problem of problems) console.log(`The page said: ${problem}`)
    return rise <= RISE && problems.length === 0 ? 0 : 1
  })
}

await command(main)
