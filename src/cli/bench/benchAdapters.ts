/**
 * Milliseconds of one U-Net evaluation in the product's own loop, on WASM and on the WebGPU adapter that the browser gives:
 * what a contributor with a graphics card can measure and send in. A software adapter is named as one.
 */
import type { Report } from '../../core/contracts'
import { reviveError } from '../../core/contracts'
import { isSoftwareName } from '../../runtime/device'
import { inPage, openPage, type OpenBrowser } from '../page'

export interface AdapterSteps {
  provider: 'wasm' | 'webgpu'
  /** As the browser names it; null for WASM, and where there is none. */
  adapter: string | null
  /** It computes on the CPU. */
  software: boolean
  threads: number
  /** U-Net evaluations and pictures that were timed; text encoder and decoder count to a picture's time. */
  evaluations: number
  pictures: number
  /** Null where it could not be measured; `reason` says why. */
  msPerEvaluation: number | null
  msPerPicture: number | null
  reason: string | null
}

/** Few steps with guidance: two evaluations a step. */
const JOB = { preset: 'custom', n: '8', 'n-benign': '1', profile: 'none', sampler: 'full', steps: '2' }
/** A software adapter takes minutes for more. */
const FEW = { n: '1' }

/** One adapter after the other, each in a page of its own. What compiles is not counted. */
export async function benchAdapters(
  { context }: OpenBrowser,
  url: string,
  given: Record<string, string>,
): Promise<AdapterSteps[]> {
  const results: AdapterSteps[] = []
  // A run of one seed belongs to the adapter that it was begun on.
  for (const [provider, seed] of [
    ['wasm', 81],
    ['webgpu', 91],
  ] as const) {
    const { page } = await openPage(context, url)
    const run = (more: number, few: object) =>
      inPage<Report>(
        page,
        `globalThis.spqr.evaluate(${JSON.stringify({ ...JOB, ...given, ...few, ep: provider, seed: String(seed + more) })})`,
      )
    try {
      const { adapter } = (await run(0, FEW)).environment
      const job = adapter !== null && isSoftwareName(adapter) ? FEW : {}
      // Kernels of a larger batch are others.
      if (job !== FEW) await run(1, job)
      const { timings, environment } = await run(2, job)
      results.push({
        provider,
        adapter: environment.adapter,
        software: environment.adapter !== null && isSoftwareName(environment.adapter),
        threads: environment.threads,
        evaluations: timings.unetEvaluations,
        pictures: timings.images,
        msPerEvaluation: (1000 * timings.generateSeconds) / timings.unetEvaluations,
        msPerPicture: (1000 * timings.generateSeconds) / timings.images,
        reason: null,
      })
    } catch (thrown) {
      const nothing = { adapter: null, software: false, threads: 0, evaluations: 0, pictures: 0 }
      const reason = reviveError(thrown).message
      results.push({ provider, ...nothing, msPerEvaluation: null, msPerPicture: null, reason })
    } finally {
      await page.close()
    }
  }
  return results
}

export const adapterLines = (results: readonly AdapterSteps[]): string[] =>
  results.map(({ provider, adapter, software, threads, msPerEvaluation, msPerPicture, reason }) => {
    const name =
      provider === 'wasm'
        ? `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}`
        : `WebGPU, ${adapter ?? 'no adapter'}${software ? ' (software)' : ''}`
    return msPerEvaluation === null || msPerPicture === null
      ? `${name}: not measured: ${reason}`
      : `${name}: ${msPerEvaluation.toFixed(1)} ms a U-Net evaluation, ${msPerPicture.toFixed(1)} ms a picture`
  })
