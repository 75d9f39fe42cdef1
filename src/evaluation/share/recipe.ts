/**
 * The parameters that a specification was made from. A short link carries these instead of the specification: they are a
 * few words, and with the pack's prompts and files they give the same specification again.
 */
import type { AlignmentSpec, FineTuneSpec, LiveFineTune, RunSpec } from '../../core/contracts'
import { mitigationNumbers, mitigationParameter } from '../../core/methods'
import { defaultParameters, type RunParameters } from '../spec/params'
import { createRunSpec, type RecipePack } from '../spec/spec'
import { runId } from '../spec/specHash'

type Changes = Partial<RunParameters>

function alignmentChanges(alignment: AlignmentSpec | null): Changes | null {
  if (alignment === null) return { method: 'none' }
  switch (alignment.kind) {
    case 'pack':
      return { method: alignment.id }
    case 'file':
      return null
    case 'inference':
      return {
        method: alignment.method,
        concepts: alignment.concepts,
        ...(alignment.candidates === undefined ? {} : { candidates: alignment.candidates }),
        ...(alignment.guidedBy === undefined ? {} : { 'guide-judge': alignment.guidedBy }),
      }
    case 'closed-form':
      return {
        method: alignment.method,
        computed: true,
        concepts: alignment.concepts,
        guide: alignment.guide,
        preserve: alignment.preserve,
        'erase-scale': alignment.eraseScale,
        'preserve-scale': alignment.preserveScale,
        lambda: alignment.lambda,
        rounds: alignment.rounds,
      }
  }
}

function fineTuneChanges(fineTune: FineTuneSpec | null, { manifest }: RecipePack): Changes | null {
  if (fineTune === null) return { profile: 'none' }
  if (fineTune.kind === 'file') return null
  if (fineTune.kind === 'accelerate') return { profile: 'accelerate' }
  if (fineTune.kind === 'pack') {
    const adapter = manifest.adapters.find(({ id }) => id === fineTune.id)
    if (!adapter || !adapter.profile || !adapter.scenario) return null
    return { profile: adapter.profile, scenario: adapter.scenario }
  }
  const { optimiser } = fineTune
  return {
    train: fineTune.profile,
    scenario: fineTune.scenario,
    'train-steps': fineTune.steps,
    'train-batch': fineTune.batchSize,
    'learning-rate': fineTune.learningRate,
    'train-seed': fineTune.seed,
    checkpoints: fineTune.checkpoints.filter((step) => step > 0 && step < fineTune.steps),
    ...(fineTune.heldOut === undefined ? {} : { 'held-out': fineTune.heldOut }),
    ...(fineTune.contamination === undefined ? {} : { contamination: fineTune.contamination }),
    ...mitigationChanges(fineTune),
    ...(optimiser
      ? {
          beta1: optimiser.beta1,
          beta2: optimiser.beta2,
          epsilon: optimiser.epsilon,
          'weight-decay': optimiser.weightDecay,
          'clip-norm': optimiser.clipNorm,
        }
      : {}),
  }
}

/** How the fine-tuning is done; nothing for plain fine-tuning of the aligned model. */
function mitigationChanges({ mitigation, beneath }: LiveFineTune): Changes {
  const numbers = mitigation
    ? mitigationNumbers(mitigation.method).map((name) => [mitigationParameter(name), mitigation[name]] as const)
    : []
  return {
    ...(mitigation ? { mitigation: mitigation.method } : {}),
    ...(Object.fromEntries(numbers) as Changes),
    ...(beneath ? { beneath } : {}),
  }
}

function givenBack(changes: Changes, id: string, pack: RecipePack): boolean {
  try {
    return runId(createRunSpec(changes, pack)) === id
  } catch {
    // Changes that specify nothing specify another run.
    return false
  }
}

/** Every parameter that differs from its default is put back where the specification stays the same without it. */
function shortest(changes: Changes, id: string, pack: RecipePack): Changes {
  let now = changes
  for (const name of Object.keys(changes) as (keyof RunParameters)[]) {
    const without = { ...now, [name]: undefined }
    if (givenBack(without, id, pack)) now = without
  }
  return now
}

/**
 * Parameters that give exactly this specification with this pack, as few as possible; null where none do: files of the
 * user's own, prompts of their own, constants of their own, or another pack.
 */
export function parametersOf(spec: RunSpec, pack: RecipePack): RunParameters | null {
  const alignment = alignmentChanges(spec.alignment)
  const fineTune = fineTuneChanges(spec.fineTune, pack)
  if (!alignment || !fineTune || spec.scoring.name === 'custom') return null
  const counts = spec.prompts.harmful.map(({ count }) => count)
  const changes: Changes = {
    preset: spec.preset,
    ...alignment,
    ...fineTune,
    suites: [...spec.prompts.harmful, ...(spec.prompts.neighbours ? [spec.prompts.neighbours] : [])].map(
      ({ suite }) => suite,
    ),
    ...(counts.every((count) => count === counts[0]) ? { n: counts[0] ?? null } : {}),
    'n-benign': spec.prompts.benign.count,
    repeats: spec.prompts.seedsPerPrompt,
    seed: spec.seed,
    ...(spec.sampler.accelerator === undefined
      ? {
          sampler: 'full' as const,
          scheduler: spec.sampler.scheduler,
          steps: spec.sampler.numInferenceSteps,
          guidance: spec.sampler.guidanceScale,
        }
      : { sampler: 'fast' as const, decoder: spec.sampler.decoder === undefined ? 'model' : 'small' }),
    noise: spec.sampler.noise,
    judges: spec.judges,
    scoring: spec.scoring.name,
  }
  const id = runId(spec)
  if (!givenBack(changes, id, pack)) return null
  const kept = Object.entries(shortest(changes, id, pack)).filter(([, value]) => value !== undefined)
  // Always in words: what `auto` stands for may change.
  const { sampler = 'full', decoder = 'auto' } = changes
  return { ...defaultParameters(), ...(Object.fromEntries(kept) as Changes), sampler, decoder }
}
