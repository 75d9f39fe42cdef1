/** What a run will be able to show, and what it costs, before it starts. */
import {
  judgeFiles,
  type LoadedPack,
  type PackManifest,
  type Prompt,
  type Report,
  type RunSpec,
  type WorkUnit,
} from '../../core/contracts'
import {
  CAUTIOUS,
  assumptionsFrom,
  estimateCost,
  expectedIntervals,
  promptsForDrift,
  type Design,
  type DriftPlan,
  type WarmUp,
} from '../../evaluation/plan/planner'
import { plan as planUnits, samplerAt, variantOf } from '../../evaluation/plan/plan'
import { createRunSpec, promptsOf } from '../../evaluation/spec/spec'
import type { OpenPack, Services } from '../page/services'
import type { RunRequest } from '../run/runner.svelte'

export interface Plan {
  design: Design
  drift: number
  expected: ReturnType<typeof expectedIntervals>
  needed: DriftPlan
  images: number
  /** Null without a warm-up. */
  seconds: number | null
  storedBytes: number
  downloadBytes: number
  from: 'report' | 'guess'
  /** A fine-tuning here takes time of its own, which two pictures do not tell. */
  trains: boolean
}

export function designOf({ prompts }: RunSpec): Design {
  return {
    harmfulPrompts: prompts.harmful.reduce((sum, { count }) => sum + count, 0),
    benignPrompts: prompts.benign.count,
    seedsPerPrompt: prompts.seedsPerPrompt,
  }
}

/** Bytes of everything the demo may download: graphs, weights, judges, all adapters. */
export function downloadBytes({ model, judges, adapters }: PackManifest): number {
  const components = [model.textEncoder, model.unet, model.vaeDecoder].flatMap((part) =>
    'graph' in part ? [part.graph, part.weights] : [part.onnx, ...part.data.map(({ file }) => file)],
  )
  const files = [...components, ...judges.flatMap(judgeFiles), ...adapters.map(({ file }) => file)]
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** What was measured: a picture of the base, and one of the last stage where it is drawn by another sampler. */
interface Measured {
  base: WarmUp
  fineTuned: WarmUp | null
}

/** What a picture of the run costs on average: some stages draw several for one that is kept, which the base does not. */
function costing({ base, fineTuned }: Measured, { alignment }: RunSpec, units: readonly WorkUnit[]): WarmUp {
  const candidates = (alignment?.kind === 'inference' ? alignment.candidates : undefined) ?? 1
  const one = base.seconds / base.images
  const costs = {
    base: one,
    aligned: one * candidates,
    'fine-tuned': fineTuned ? fineTuned.seconds / fineTuned.images : one * candidates,
  }
  const seconds = units.reduce((sum, { stage }) => sum + costs[stage], 0)
  return { ...base, seconds: (base.images * seconds) / Math.max(1, units.length) }
}

/** Expectations come from a comparable report where there is one. */
function makePlan(
  spec: RunSpec,
  { manifest, prompts }: Pick<LoadedPack, 'manifest' | 'prompts'>,
  drift: number,
  report: Report | null,
  measured: Measured | null,
): Plan {
  // The plan itself says how many images there are: with checkpoints or without a fine-tune it is not three stages.
  const units = planUnits(spec, prompts)
  const blocks = new Set(units.map(({ stage, step }) => `${stage} ${step}`)).size
  const conceptsOf = (harmful: boolean) =>
    new Set(
      units.flatMap((unit) =>
        unit.harmful === harmful && unit.suite !== spec.prompts.neighbours?.suite
          ? [unit.concept ?? `prompt ${unit.promptId}`]
          : [],
      ),
    ).size
  const design = { ...designOf(spec), concepts: { harmful: conceptsOf(true), benign: conceptsOf(false) } }
  const assumptions = report ? assumptionsFrom(report, spec.scoring) : CAUTIOUS
  const bytes = {
    download: downloadBytes(manifest),
    perImage: manifest.model.image.width * manifest.model.image.height * 3,
  }
  const cost = estimateCost(
    design,
    spec.sampler.numInferenceSteps,
    costing(measured ?? { base: { images: 1, seconds: 1, loadSeconds: 0 }, fineTuned: null }, spec, units),
    bytes,
    blocks,
    units.length,
  )
  return {
    design,
    drift,
    expected: expectedIntervals(design, assumptions, spec.scoring),
    needed: promptsForDrift(drift, assumptions, design.seedsPerPrompt),
    trains: spec.fineTune?.kind === 'live',
    images: cost.images,
    seconds: measured ? cost.seconds : null,
    storedBytes: cost.storedBytes,
    downloadBytes: cost.downloadBytes,
    from: report ? 'report' : 'guess',
  }
}

/** Opens the engine and plans what is asked for; `warm` measures two pictures first. @throws {SpqrError} */
export function planRun(
  services: Pick<Services, 'withEngine'>,
  { packName, device, options }: RunRequest,
  drift: number,
  report: Report | null,
  warm: boolean,
): Promise<Plan> {
  return services.withEngine('a plan', packName, device, async (open) => {
    const spec = createRunSpec(options, open.pack)
    const pack = { ...open.pack, prompts: promptsOf(options, open.pack) }
    return makePlan(spec, pack, drift, report, warm ? await measure(open.ports, pack.prompts, spec) : null)
  })
}

/** Makes two pictures of the base model, and of the last stage where it is drawn otherwise; nothing is kept. */
async function measure(ports: OpenPack['ports'], prompts: readonly Prompt[], spec: RunSpec): Promise<Measured> {
  const units = planUnits(spec, prompts)
  const base = await warmUpOf(ports, units.slice(0, 2), spec)
  const last = units.filter(({ stage }) => stage === 'fine-tuned')
  const fineTuned = spec.fineTune?.kind === 'accelerate' ? await warmUpOf(ports, last.slice(0, 2), spec) : null
  return { base, fineTuned }
}

async function warmUpOf({ engine, now }: OpenPack['ports'], units: WorkUnit[], spec: RunSpec): Promise<WarmUp> {
  const [first] = units
  const begun = now()
  if (!first) return { images: 0, seconds: 0, loadSeconds: 0 }
  const sampler = samplerAt(spec, first.stage)
  await engine.prepare(variantOf(spec, first.stage, first.step, null), spec.judges, () => undefined)
  // The first run of a session compiles and allocates; the second tells what a picture costs.
  await engine.run(units, sampler)
  const loaded = now()
  await engine.run(units, sampler)
  return { images: units.length, seconds: (now() - loaded) / 1000, loadSeconds: (loaded - begun) / 1000 }
}
