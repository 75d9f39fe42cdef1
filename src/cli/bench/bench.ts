/**
 * `npm run bench -- --out bench.json`: images/s, U-Net evaluations/s and load times of the page, first visit and weights
 * cached, the U-Net alone beside native onnxruntime on the same graph and threads, a training step of each profile beside
 * PyTorch, alignment, 100 lite steps and the quick re-evaluation together, all in one run, throughput against workers, and a full-size U-Net of 1.3 GB.
 * `--first` measures only what a visitor waits for on a slow line with a slow processor; `--steps` only the U-Net on every
 * adapter, into a dated file; `--against` only the denoising loop beside plain calls and PyTorch.
 * `--large no` leaves the full-size U-Net out, `--large only` measures nothing else; `--unet small-sd` takes one of 2.3 GB.
 */
import { readFileSync } from 'node:fs'
import { arch, cpus, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { PackManifestSchema, SpqrError, type Report } from '../../core/contracts'
import { CLOSED_FORM_IDS } from '../../core/methods'
import { argumentPairs, parseParameters, unknownSentence } from '../../evaluation/spec/params'
import { compareGraph } from './benchGraph'
import { compareSteps } from './benchTraining'
import { onlyPart, ownUnet, PARTS } from './benchParts'
import { benchLarge, largeLine, LAYOUTS, type LargeResult, type Layout } from './benchLarge'
import { benchScoring } from './benchScoring'
import { benchWorkers, workersLine } from './benchWorkers'
import { assertWritable, command, writeJson } from '../files'
import { ROOT, ensureBuild, inPage, openPage, serve, withBrowser } from '../page'

/** What a person does who wants to see safety break: align, fine-tune, evaluate again. */
const LIVE = { preset: 'quick', method: 'uce', computed: 'true', train: 'lite', 'train-steps': '100' }

/**
 * Text of the page's side: seconds from the beginning of the alignment (concepts still to be encoded) to its being merged.
 * One prompt each, so that little else is computed; concepts to erase and to keep are those of the whole suites.
 */
const alignmentJob = (parameters: Record<string, string>): string => `(async () => {
  let from = 0, to = 0
  await globalThis.spqr.evaluate(${JSON.stringify(parameters)}, ({ type, message }) => {
    if (type !== 'engine' || message === null) return
    if (message.startsWith('align ')) from = performance.now()
    else if (message.startsWith('merge ') && to === 0 && from > 0) to = performance.now()
  })
  return (to - from) / 1000
})()`

interface Visit {
  /** From opening the page to its Report. */
  wallSeconds: number
  loadSeconds: number
  imagesPerSecond: number
  unetEvaluationsPerSecond: number
  judgedPerSecond: number
  timings: Report['timings']
  counts: Report['counts']
}

function visitOf(report: Report, wallSeconds: number): Visit {
  const { timings, counts } = report
  return {
    wallSeconds,
    timings,
    counts,
    loadSeconds: timings.loadSeconds,
    imagesPerSecond: timings.images / timings.generateSeconds,
    unetEvaluationsPerSecond: timings.unetEvaluations / timings.generateSeconds,
    judgedPerSecond: timings.images / timings.judgeSeconds,
  }
}

const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: totalmem() / 2 ** 30,
  platform: `${platform()} ${arch()}`,
  node: process.versions.node,
})

function fullSize(url: string, threads: number, layout: Layout): Promise<LargeResult | string> {
  console.error(`A U-Net as large as that of ${layout} (made with Python the first time) …`)
  return benchLarge(url, { threads, runs: 2, layout })
}

type Browser = Parameters<Parameters<typeof withBrowser>[1]>[0]

const isLayout = (name: string): name is Layout => Object.hasOwn(LAYOUTS, name)

/** Options of the command itself. */
const OWN: readonly string[] = ['out', 'large', 'unet', 'first', 'steps', 'against']

/** @throws SpqrError BAD_INPUT for an option that the bench or the page does not have */
function readOptions(argv: readonly string[]) {
  const pairs = argumentPairs(argv)
  const own = (name: string) => pairs.find(([other]) => other === name)?.[1]
  const only = PARTS.find((name) => own(name) !== undefined) ?? null
  const dated = `bench-steps-${new Date().toISOString().slice(0, 10)}.json`
  const out = own('out') ?? (only === 'steps' ? dated : undefined)
  const large = own('large') ?? 'yes'
  if (!['yes', 'no', 'only'].includes(large)) throw new SpqrError('BAD_INPUT', '"--large" must be yes, no or only.')
  const layout = own('unet') ?? 'tiny-sd'
  if (!isLayout(layout)) throw new SpqrError('BAD_INPUT', `"--unet" must be ${Object.keys(LAYOUTS).join(' or ')}.`)
  if (out !== undefined) assertWritable(out)
  const others = pairs.filter(([name]) => !OWN.includes(name))
  const given = Object.fromEntries(others)
  const { values, unknown } = parseParameters(others)
  const sentence = unknownSentence(unknown)
  if (sentence !== null) throw new SpqrError('BAD_INPUT', sentence)
  const threads = values.threads === 0 ? Math.min(4, cpus().length) : values.threads
  const parameters: Record<string, string> = { preset: 'smoke', ep: 'wasm', ...given, threads: String(threads) }
  const packPath = `packs/${values.pack}/`
  const folder = join(ROOT, 'public', packPath)
  const manifest = v.parse(PackManifestSchema, JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  const write = (result: object) => {
    if (out) writeJson(out, result, 0)
  }
  return {
    large,
    only,
    out,
    layout,
    given,
    threads,
    parameters,
    packPath,
    folder,
    manifest,
    batch: values.batch,
    write,
  }
}
type Options = ReturnType<typeof readOptions>

/** The full-size U-Net alone. */
async function onlyLarge({ threads, layout, write }: Options): Promise<void> {
  ensureBuild()
  const served = await serve()
  try {
    const result = await fullSize(served.url, threads, layout)
    write({ schema: 1, createdAt: new Date().toISOString(), machine: machine(), large: result })
    console.log(largeLine(result))
  } finally {
    await served.close()
  }
}

/** One evaluation in a page of its own. */
async function visit({ context }: Browser, url: string, parameters: Record<string, string>) {
  const begun = performance.now()
  const { page } = await openPage(context, url)
  const report = await inPage<Report>(page, `globalThis.spqr.evaluate(${JSON.stringify(parameters)})`)
  await page.close()
  return { report, visit: visitOf(report, (performance.now() - begun) / 1000) }
}

/** Seconds of every alignment that the page computes. */
async function alignmentTimes({ context }: Browser, url: string, { parameters }: Options) {
  const { page } = await openPage(context, url)
  const alignments: { method: string; seconds: number }[] = []
  const one = { preset: 'custom', n: '1', 'n-benign': '1', computed: 'true', profile: 'none', seed: '4' }
  for (const method of CLOSED_FORM_IDS) {
    const seconds = await inPage<number>(page, alignmentJob({ ...parameters, ...one, method }))
    alignments.push({ method, seconds })
  }
  await page.close()
  return alignments
}

async function measure(browser: Browser, url: string, options: Options) {
  const { manifest, packPath, folder, threads, parameters, large, layout, given } = options
  console.error('First visit …')
  const first = await visit(browser, url, { ...parameters, seed: '1' })
  console.error('Weights cached …')
  const cached = await visit(browser, url, { ...parameters, seed: '2' })
  console.error('U-Net alone, in the browser and native …')
  const component = ownUnet(manifest)
  const runs = { batch: 2 * options.batch, threads, runs: 5, rounds: 3 }
  const unet = await compareGraph(await browser.plainContext(), url, packPath, folder, component, runs)
  console.error('Alignments computed in the page …')
  const alignments = await alignmentTimes(browser, url, options)
  const { training } = manifest
  console.error('Training steps, in the browser and in PyTorch …')
  const pace = { threads, runs: 3, rounds: 3 }
  const steps = training
    ? await compareSteps(await browser.plainContext(), url, packPath, folder, component, training, pace)
    : []
  console.error('Alignment, 100 lite steps, quick evaluation …')
  const live = training ? await visit(browser, url, { ...parameters, ...LIVE, seed: '3' }) : null
  console.error('A stored run of 100,000 outcomes …')
  const stored = await openPage(browser.context, url)
  const scoring = await benchScoring(stored.page, first.report.record)
  await stored.page.close()
  console.error('Workers side by side …')
  const workers = await benchWorkers(url, given)
  const fullSizeUnet = large === 'yes' ? await fullSize(url, threads, layout) : null
  return { first, cached, unet, alignments, steps, live, scoring, workers, fullSizeUnet, component }
}
type Measured = Awaited<ReturnType<typeof measure>>

/** What `--out` writes. */
function fileOf(measured: Measured, { manifest, batch }: Options, browserVersion: string): object {
  const { first, cached, unet, alignments, steps, live, scoring, workers, fullSizeUnet, component } = measured
  return {
    schema: 1,
    scoring,
    createdAt: new Date().toISOString(),
    machine: { ...machine(), browser: browserVersion },
    environment: first.report.environment,
    pack: { id: manifest.id, version: manifest.version, unetBytes: component.externalData.bytes },
    spec: first.report.spec,
    firstVisit: first.visit,
    weightsCached: cached.visit,
    workers,
    alignments,
    trainingSteps: steps,
    live: live && { ...live.visit, parameters: LIVE, curve: live.report.curve },
    unet: {
      ...unet,
      imagesPerBatch: batch,
      note: 'one run evaluates the U-Net on a batch with and without the prompt (classifier-free guidance)',
    },
    large: fullSizeUnet,
  }
}

const visitLine = (name: string, { wallSeconds, loadSeconds, imagesPerSecond, unetEvaluationsPerSecond }: Visit) =>
  `${name.padEnd(16)} ${wallSeconds.toFixed(1)} s in all, loading ${loadSeconds.toFixed(1)} s, ${imagesPerSecond.toFixed(2)} images/s, ${unetEvaluationsPerSecond.toFixed(1)} U-Net evaluations/s`
const threadsText = (threads: number) => `${threads} ${threads === 1 ? 'thread' : 'threads'}`

function stepLine({ profile, batch, browser, pytorch, ratio, reason }: Measured['steps'][number], threads: number) {
  const other = pytorch
    ? `${pytorch.version} ${(1000 * pytorch.secondsPerRun).toFixed(0)} ms; ratio ${ratio?.toFixed(2)}`
    : `PyTorch not measured: ${reason}`
  return `training step, ${profile}, batch ${batch}, ${threadsText(threads)}: browser ${(1000 * browser.secondsPerRun).toFixed(0)} ms; ${other}`
}

function unetLine({ browser, native, ratio, maxDifference, reason }: Measured['unet'], { batch, threads }: Options) {
  const other = native
    ? `native ${(1000 * native.secondsPerRun).toFixed(1)} ms, load ${native.loadSeconds.toFixed(2)} s; ratio ${ratio?.toFixed(2)}, largest difference ${maxDifference?.toExponential(1)}`
    : `native not measured: ${reason}`
  return `U-Net, batch ${2 * batch}, ${threadsText(threads)}: browser ${(1000 * browser.secondsPerRun).toFixed(1)} ms, load ${browser.loadSeconds.toFixed(2)} s; ${other}`
}

/** What is printed. */
function linesOf(measured: Measured, options: Options): string[] {
  const { first, cached, unet, alignments, steps, live, scoring, workers, fullSizeUnet } = measured
  return [
    visitLine('first visit', first.visit),
    visitLine('weights cached', cached.visit),
    `stored run of ${scoring.outcomes} outcomes (${(scoring.fileBytes / 1e6).toFixed(0)} MB): read in ${scoring.importSeconds.toFixed(1)} s, scored again in ${scoring.rescoreSeconds.toFixed(2)} s, longest main-thread task ${scoring.longestTaskMs.toFixed(0)} ms`,
    workersLine(workers),
    `alignment computed: ${alignments.map(({ method, seconds }) => `${method} ${seconds.toFixed(2)} s`).join(', ')}`,
    ...steps.map((step) => stepLine(step, options.threads)),
    ...(live
      ? [
          `UCE computed, 100 lite steps, quick evaluation of every stage: ${live.visit.wallSeconds.toFixed(0)} s in all, ${live.visit.counts.done} pictures`,
        ]
      : []),
    unetLine(unet, options),
    ...(fullSizeUnet === null ? [] : [largeLine(fullSizeUnet)]),
  ]
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  if (options.large === 'only') {
    await onlyLarge(options)
    return 0
  }
  return withBrowser(false, async (browser, url) => {
    if (options.only) {
      const [part, lines] = await onlyPart(options.only, browser, url, options)
      const where = { ...machine(), browser: browser.version }
      options.write({ schema: 1, createdAt: new Date().toISOString(), machine: where, ...part })
      for (const text of lines) console.log(text)
      return 0
    }
    const measured = await measure(browser, url, options)
    options.write(fileOf(measured, options, browser.version))
    for (const line of linesOf(measured, options)) console.log(line)
    return 0
  })
}

await command(main)
