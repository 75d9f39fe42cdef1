/** Which alignment and which benign fine-tune a run takes: the pack's, computed ones, or files of the user's. */
import {
  SpqrError,
  conceptName,
  type AdapterPart,
  type AlignmentSpec,
  type FineTuneSpec,
  type LiveFineTune,
  type LoadedPack,
  type PackAdapter,
  type Profile,
  type Prompt,
  type Scenario,
  type Training,
} from '../../core/contracts'
import {
  choosesPicture,
  closedFormMethod,
  guardFormat,
  isClosedForm,
  isGuardFormat,
  isGuidance,
  UNTRAINED_METHODS,
  type ClosedFormId,
} from '../../core/methods'
import type { RunParameters } from './params'
import { hashOf } from '../../core/hash'
import { heldOutPictures } from '../../core/training'
import { resolveBestOf } from './specBestOf'
import { assertNotMitigated, resolveMitigation } from './specMitigation'
import { accelerate } from './specSampler'

/** What of a pack a specification is made from. */
export type RecipePack = Pick<LoadedPack, 'manifest' | 'manifestSha256' | 'prompts' | 'accelerator'>

/** A file of the user's, by its hash; `strength` multiplies its effect. */
export type AdapterFile = AdapterPart

/** Files merged in order, as the specification names them; null when there is none. */
function adapterFiles(files: readonly AdapterFile[]) {
  const [first, ...more] = files
  if (!first) return null
  const name = files
    .map((file) => file.name)
    .join(' + ')
    .slice(0, 200)
  return { kind: 'file' as const, ...first, name, ...(more.length > 0 ? { more } : {}) }
}

interface Chosen extends RunParameters {
  alignmentFiles?: readonly AdapterFile[]
  fineTuneFiles?: readonly AdapterFile[]
  dataset?: { name: string; sha256: string }
}
interface Suites {
  harmful: readonly string[]
  benign: string
  prompts: readonly Prompt[]
}

function adaptersOf(pack: RecipePack, role: PackAdapter['role']): PackAdapter[] {
  return pack.manifest.adapters.filter((adapter) => adapter.role === role)
}

/** Concepts of suites, as words, each once, in order of appearance. */
function conceptsOf(prompts: readonly Prompt[], suites: readonly string[]): string[] {
  const words = prompts
    .filter((prompt) => suites.includes(prompt.suite))
    .flatMap((prompt) => (prompt.concept === null ? [] : [conceptName(prompt.concept)]))
  return [...new Set(words)]
}

/** Methods a pack can be measured with, in the order they are offered. */
export function availableMethods(pack: RecipePack): string[] {
  return [...new Set([...adaptersOf(pack, 'alignment').map(({ method }) => method), ...UNTRAINED_METHODS, 'none'])]
}

export function resolveAlignment(chosen: Chosen, pack: RecipePack, suites: Suites): AlignmentSpec | null {
  const files = adapterFiles(chosen.alignmentFiles ?? [])
  if (files) return files
  const shipped = adaptersOf(pack, 'alignment')
  const method = chosen.method === '' ? (shipped[0]?.id ?? 'none') : chosen.method
  if (method === 'none') return null
  const adapter = shipped.find(({ id }) => id === method) ?? shipped.find((candidate) => candidate.method === method)
  const closedForm = isClosedForm(method) ? method : null
  if (guardFormat(method) !== null || (adapter && isGuardFormat(adapter.format)))
    return trainedGuard(method, adapter, pack)
  if (adapter && !(closedForm && chosen.computed)) return { kind: 'pack', id: adapter.id, sha256: adapter.file.sha256 }
  if (choosesPicture(method))
    return { kind: 'inference', method, concepts: [], ...resolveBestOf(chosen, pack.manifest.judges) }
  const concepts = chosen.concepts.length > 0 ? chosen.concepts : conceptsOf(suites.prompts, suites.harmful)
  const guidance = isGuidance(method) ? method : null
  if ((closedForm || guidance) && concepts.length === 0) {
    throw new SpqrError(
      'BAD_INPUT',
      `Method "${method}" needs concepts to erase, and the harmful suites name none.`,
      'Name them with the parameter "concepts".',
    )
  }
  if (closedForm) return closedFormAlignment(closedForm, concepts, chosen, suites)
  if (guidance) return { kind: 'inference', method: guidance, concepts }
  throw new SpqrError(
    'BAD_INPUT',
    `There is no alignment method "${method}".`,
    `Choose from ${availableMethods(pack).join(', ')}.`,
  )
}

/** A guard whose file comes with the pack. @throws {SpqrError} BAD_INPUT where the pack has none */
function trainedGuard(
  method: string,
  adapter: PackAdapter | undefined,
  { manifest }: RecipePack,
): Extract<AlignmentSpec, { kind: 'inference' }> {
  if (adapter && isGuidance(adapter.method) && adapter.format === guardFormat(adapter.method))
    return { kind: 'inference', method: adapter.method, concepts: [], weights: adapter.file.sha256 }
  throw new SpqrError(
    'BAD_INPUT',
    `Method "${method}" needs a network that was trained with the model, and "${manifest.id}" has none that this version knows.`,
    'Choose another method.',
  )
}

/** A closed-form alignment with the method's own numbers where none were chosen. */
function closedFormAlignment(
  method: ClosedFormId,
  concepts: string[],
  chosen: Chosen,
  suites: Suites,
): Extract<AlignmentSpec, { kind: 'closed-form' }> {
  const { defaults } = closedFormMethod(method)
  const erased = new Set(concepts)
  const preserve =
    chosen.preserve.length > 0
      ? chosen.preserve
      : conceptsOf(suites.prompts, [suites.benign]).filter((word) => !erased.has(word))
  return {
    kind: 'closed-form',
    method,
    concepts,
    guide: chosen.guide,
    preserve,
    eraseScale: chosen['erase-scale'] ?? defaults.eraseScale,
    preserveScale: chosen['preserve-scale'] ?? defaults.preserveScale,
    lambda: chosen.lambda ?? defaults.lambda,
    rounds: defaults.rounds === undefined ? 1 : (chosen.rounds ?? defaults.rounds),
  }
}

/** The pack's alignment adapter whose fine-tunes fit: a computed method counts as the pack's of that method. */
function fineTuneBase(alignment: AlignmentSpec | null, pack: RecipePack): string | null {
  if (alignment?.kind === 'pack') return alignment.id
  if (alignment?.kind === 'closed-form') {
    const { shippedAs } = closedFormMethod(alignment.method)
    return adaptersOf(pack, 'alignment').find(({ method }) => method === shippedAs)?.id ?? null
  }
  // Guidance changes no weight, so fine-tuning happens beneath it, on the base model.
  return null
}

/** AdamW's constants where one was chosen that is not the pack's; null: the pack's. */
function ownOptimiser(chosen: Chosen, pack: Training['optimiser']): Training['optimiser'] | null {
  const own = {
    beta1: chosen.beta1 ?? pack.beta1,
    beta2: chosen.beta2 ?? pack.beta2,
    epsilon: chosen.epsilon ?? pack.epsilon,
    weightDecay: chosen['weight-decay'] ?? pack.weightDecay,
    clipNorm: chosen['clip-norm'] ?? pack.clipNorm,
  }
  return hashOf(own) === hashOf(pack) ? null : own
}

/** Batch, steps and checkpoints of a live fine-tune. */
function liveSteps(
  chosen: Chosen,
  id: string,
  training: Training,
): Pick<LiveFineTune, 'batchSize' | 'steps' | 'checkpoints'> {
  const batchSize = chosen['train-batch'] ?? training.batchSize
  if (batchSize > training.batchSize) {
    throw new SpqrError(
      'BAD_INPUT',
      `A training step of pack "${id}" takes at most ${training.batchSize} pictures, not ${batchSize}.`,
      'Lower "train-batch".',
    )
  }
  const steps = chosen['train-steps']
  const late = chosen.checkpoints.find((step) => step > steps)
  if (late !== undefined) {
    throw new SpqrError(
      'BAD_INPUT',
      `Checkpoint ${late} comes after the last training step, ${steps}.`,
      'Raise "train-steps" or lower "checkpoints".',
    )
  }
  return { batchSize, steps, checkpoints: [...new Set([0, ...chosen.checkpoints, steps])].sort((a, b) => a - b) }
}

/** Fine-tuning in the browser: only where the pack has the training step, and data of its own or the user's. */
function liveFineTune(
  chosen: Chosen,
  profile: Profile,
  pack: RecipePack,
  alignment: AlignmentSpec | null,
): FineTuneSpec {
  const { training, id } = pack.manifest
  if (!training)
    throw new SpqrError(
      'BAD_INPUT',
      `Pack "${id}" cannot be fine-tuned in the browser.`,
      'Choose a fine-tune of the pack instead of "train".',
    )
  const profiles = training.profiles.map((entry) => entry.profile)
  if (!profiles.includes(profile)) {
    throw new SpqrError(
      'BAD_INPUT',
      `Pack "${id}" cannot be fine-tuned with profile ${profile} in the browser.`,
      `Choose from ${profiles.join(', ')}.`,
    )
  }
  const set = training.datasets.find(({ scenario }) => scenario === chosen.scenario)
  if (!chosen.dataset && !set) {
    const scenarios = training.datasets.map(({ scenario }) => scenario)
    throw new SpqrError(
      'BAD_INPUT',
      `Pack "${id}" has no training data for scenario ${chosen.scenario}.`,
      `Choose from ${scenarios.join(', ')}.`,
    )
  }
  const { batchSize, steps, checkpoints } = liveSteps(chosen, id, training)
  const optimiser = ownOptimiser(chosen, training.optimiser)
  const plain: LiveFineTune = {
    kind: 'live',
    profile,
    scenario: chosen.scenario,
    steps,
    batchSize,
    learningRate: chosen['learning-rate'],
    ...(optimiser ? { optimiser } : {}),
    seed: chosen['train-seed'],
    checkpoints,
    dataset: chosen.dataset?.name ?? `${id}:${chosen.scenario}`,
    datasetSha256: chosen.dataset?.sha256 ?? hashOf([set?.captions.sha256, set?.images.sha256]),
    ...heldOutOf(chosen, set?.count),
    ...(chosen.contamination > 0 ? { contamination: chosen.contamination } : {}),
  }
  return { ...plain, ...resolveMitigation(chosen, plain, alignment) }
}

/** How many pictures are held out of `count`, which is not known here of a folder of the user's. */
function heldOutOf({ dataset, 'held-out': heldOut }: Chosen, count = 0): Pick<LiveFineTune, 'heldOut'> {
  if (heldOut === 0) return {}
  if (heldOut === 1)
    throw new SpqrError(
      'BAD_INPUT',
      'One held-out picture says nothing of the spread between pictures.',
      'Hold out at least two, or none with 0.',
    )
  if (!dataset) heldOutPictures(count, heldOut)
  return { heldOut }
}

/** Fine-tunes that come with the pack for an alignment. */
export function packFineTunes(
  alignment: AlignmentSpec | null,
  pack: RecipePack,
): { profile: Profile; scenario: Scenario }[] {
  const base = fineTuneBase(alignment, pack)
  return adaptersOf(pack, 'fine-tune').flatMap(({ on, profile, scenario }) =>
    on === base && profile && scenario ? [{ profile, scenario }] : [],
  )
}

export function resolveFineTune(
  chosen: Chosen,
  pack: RecipePack,
  alignment: AlignmentSpec | null,
): FineTuneSpec | null {
  const files = adapterFiles(chosen.fineTuneFiles ?? [])
  if (files) {
    assertNotMitigated(chosen, `"${files.name}"`)
    return files
  }
  if (chosen.train !== 'none') return liveFineTune(chosen, chosen.train, pack, alignment)
  assertNotMitigated(chosen, "the pack's fine-tune")
  if (chosen.profile === 'none') return null
  if (chosen.profile === 'accelerate') return accelerate(pack, alignment)
  const base = fineTuneBase(alignment, pack)
  const tunes = adaptersOf(pack, 'fine-tune')
  const found = tunes.find(
    ({ on, profile, scenario }) => on === base && profile === chosen.profile && scenario === chosen.scenario,
  )
  if (found) return { kind: 'pack', id: found.id, sha256: found.file.sha256 }
  const there = tunes.filter(({ on }) => on === base).map(({ profile, scenario }) => `${profile} × ${scenario}`)
  throw new SpqrError(
    'BAD_INPUT',
    `The pack has no benign fine-tune ${chosen.profile} × ${chosen.scenario} on ${base ?? 'the unaligned model'}.`,
    `${there.length > 0 ? `It has ${there.join(', ')}. ` : ''}Choose another profile or method, "train" to fine-tune in the browser, or profile none.`,
  )
}
