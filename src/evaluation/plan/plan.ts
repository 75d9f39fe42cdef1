/**
 * RunSpec + prompts → WorkUnit[]: which images are made, in which order, from which noise.
 *
 * Order: base block → aligned block (harmful and benign interleaved) → fine-tuned block (one per checkpoint when the
 * fine-tuning is live), because every change of block costs new sessions. Suites are interleaved inside a block, so that
 * the first images already show every part.
 */
import {
  SpqrError,
  partnerId,
  suitesOfRun,
  type ModelVariant,
  type Prompt,
  type RunSpec,
  type SamplerSpec,
  type Stage,
  type WorkUnit,
} from '../../core/contracts'
import { categoriesOf } from '../../core/categories'
import { canonicalJson, hashOf, sha256Hex } from '../../core/hash'
import { unitSeed } from '../../core/scoring'

/** What a plan needs of a prompt: its text only as a hash, so that links never carry texts. */
export interface PromptFacts {
  id: string
  language: string
  suite: string
  category: string
  concept: string | null
  /** First 16 hexadecimal digits of the SHA-256 of the text. */
  textSha256: string
}

/** A work unit without its text. */
export type UnitFacts = Omit<WorkUnit, 'text'>

/** Benign prompts made at every live checkpoint, for P and Q along the curve. */
export const BENIGN_PER_CHECKPOINT = 32

/** A prompt's text is hashed once, however many plans are made with it: hashing thousands would hold up the page. */
const known = new WeakMap<Prompt, PromptFacts>()

export function promptFacts(prompt: Prompt): PromptFacts {
  const earlier = known.get(prompt)
  if (earlier) return earlier
  const { id, language, suite, category, concept } = prompt
  const facts = { id, language, suite, category, concept, textSha256: sha256Hex(prompt.text).slice(0, 16) }
  known.set(prompt, facts)
  return facts
}

/** The first `count` prompts of a suite, in its own order: packs interleave their categories and languages. */
export function headOfSuite<P extends { suite: string }>(prompts: readonly P[], suite: string, count: number): P[] {
  return prompts.filter((prompt) => prompt.suite === suite).slice(0, count)
}

/** Hashes of lists of facts by their first: a form makes the same specification again at every change of a setting. */
const hashes = new WeakMap<PromptFacts, { facts: readonly PromptFacts[]; hash: string }[]>()
/** Lists that are kept by one first prompt: heads of one suite, of the lengths that are tried. */
const KEPT_HASHES = 8

/** Hash of the prompts a run takes from a suite: ids, texts and labels, in order. */
export function suiteHash(facts: readonly PromptFacts[]): string {
  const [first] = facts
  const kept = first ? (hashes.get(first) ?? []) : []
  const same = kept.find((one) => one.facts.length === facts.length && one.facts.every((fact, i) => fact === facts[i]))
  if (same) return same.hash
  const hash = hashOf(facts)
  if (first) hashes.set(first, [{ facts: [...facts], hash }, ...kept].slice(0, KEPT_HASHES))
  return hash
}

/** Facts with the first of several categories alone, by those with all: the same ones again, so that their hash is kept. */
const firsts = new WeakMap<PromptFacts, PromptFacts>()
function withFirstCategory(facts: PromptFacts): PromptFacts {
  const [category = ''] = categoriesOf(facts.category)
  if (category === facts.category) return facts
  const first = firsts.get(facts) ?? { ...facts, category }
  firsts.set(facts, first)
  return first
}

/**
 * The head of a suite with the labels that a specification of this hash knows: as they are, or the first category of each
 * prompt alone, as a file of several was read when only that was kept. Null where the prompts are others.
 */
export function headOfHash(head: PromptFacts[], sha256: string): PromptFacts[] | null {
  if (suiteHash(head) === sha256) return head
  const earlier = head.map(withFirstCategory)
  return earlier.some((facts, i) => facts !== head[i]) && suiteHash(earlier) === sha256 ? earlier : null
}

/** Merges lists so that each is spread evenly over the whole; the order inside a list stays. */
export function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  return lists
    .flatMap((list, which) => list.map((item, i) => ({ item, at: (i + 0.5) / list.length, which })))
    .sort((a, b) => a.at - b.at || a.which - b.which)
    .map(({ item }) => item)
}

/** The prompts of a run; a suite whose hash differs from the specification's is refused. */
export function selectPrompts(
  spec: RunSpec,
  prompts: readonly PromptFacts[],
): { harmful: PromptFacts[]; benign: PromptFacts[]; neighbours: PromptFacts[] } {
  const take = (entry: { suite: string; count: number; sha256: string }) => {
    const found = headOfSuite(prompts, entry.suite, entry.count)
    if (found.length !== entry.count) {
      throw new SpqrError(
        'BAD_INPUT',
        `Suite "${entry.suite}" has ${found.length} prompts here, and the run needs ${entry.count}.`,
        'Load the prompt set the run was specified with, or start a new run.',
      )
    }
    const head = headOfHash(found, entry.sha256)
    if (head === null) {
      throw new SpqrError(
        'BAD_INPUT',
        `The prompts of suite "${entry.suite}" are not those the run was specified with.`,
        'Load the prompt set the run was specified with, or start a new run.',
      )
    }
    const seen = new Set<string>()
    const twice = head.find(({ id }) => seen.size === seen.add(id).size)
    if (twice)
      throw new SpqrError(
        'BAD_INPUT',
        `Suite "${entry.suite}" holds two prompts with the id "${twice.id}".`,
        'Give every prompt its own id.',
      )
    return head
  }
  const { harmful, benign, neighbours } = spec.prompts
  return {
    harmful: interleave(harmful.map(take)),
    benign: take(benign),
    neighbours: neighbours ? take(neighbours) : [],
  }
}

/** Everything that determines the weights at a stage; equal strings mean equal weights and guidance. */
export function variantKey(spec: RunSpec, stage: Stage, step: number | null): string {
  const { fineTune } = spec
  let tuned: unknown = null
  if (stage === 'fine-tuned' && fineTune) {
    // A live run that stores more checkpoints, or goes on for longer, makes the same weights at this step.
    if (fineTune.kind === 'live') tuned = step === 0 ? null : { ...fineTune, checkpoints: [], steps: 0, step }
    else tuned = fineTune
  }
  return canonicalJson({ model: spec.model, alignment: stage === 'base' ? null : spec.alignment, fineTune: tuned })
}

/** Blocks in running order. */
function blocks(spec: RunSpec): { stage: Stage; step: number | null }[] {
  const list: { stage: Stage; step: number | null }[] = [
    { stage: 'base', step: null },
    { stage: 'aligned', step: null },
  ]
  if (spec.fineTune?.kind === 'live') {
    for (const step of spec.fineTune.checkpoints) list.push({ stage: 'fine-tuned', step })
  } else if (spec.fineTune) {
    list.push({ stage: 'fine-tuned', step: null })
  }
  return list
}

/** The units of a run from the facts of its prompts; `plan` adds the texts. */
export function planFacts(spec: RunSpec, prompts: readonly PromptFacts[]): UnitFacts[] {
  const { harmful, benign, neighbours } = selectPrompts(spec, prompts)
  const units: UnitFacts[] = []
  for (const { stage, step } of blocks(spec)) {
    const weights = hashOf([variantKey(spec, stage, step), spec.sampler])
    const harmless = stage === 'aligned' ? benign : step === null ? [] : benign.slice(0, BENIGN_PER_CHECKPOINT)
    for (let repeat = 0; repeat < spec.prompts.seedsPerPrompt; repeat++) {
      const row = interleave<{ prompt: PromptFacts; harmful: boolean; noise?: string }>([
        harmful.map((prompt) => ({ prompt, harmful: true })),
        harmless.map((prompt) => ({ prompt, harmful: false })),
        // What fine-tuning does to them is not asked: they are compared between the base and the aligned model.
        (stage === 'fine-tuned' ? [] : neighbours).map((prompt) => ({
          prompt,
          harmful: false,
          noise: partnerId(prompt.id),
        })),
      ])
      for (const { prompt, harmful: isHarmful, noise = prompt.id } of row) {
        const seed = unitSeed(spec.seed, noise, repeat)
        const { id: promptId, language, suite, category, concept } = prompt
        units.push({
          id: hashOf([weights, stage, step, suite, promptId, prompt.textSha256, seed]),
          stage,
          step,
          promptId,
          language,
          suite,
          category,
          concept,
          harmful: isHarmful,
          seed,
          repeat,
        })
      }
    }
  }
  return units
}

/** All images of a run in running order. `prompts`: the pack's or the user's, at least those the specification names. */
export function plan(spec: RunSpec, prompts: readonly Prompt[]): WorkUnit[] {
  const texts = new Map(prompts.map((prompt) => [`${prompt.suite}\n${prompt.id}`, prompt.text]))
  const suites = new Set(suitesOfRun(spec.prompts).map(({ suite }) => suite))
  return planFacts(spec, prompts.filter(({ suite }) => suites.has(suite)).map(promptFacts)).map((unit) => {
    const text = texts.get(`${unit.suite}\n${unit.promptId}`)
    if (text === undefined) throw new SpqrError('UNEXPECTED', `Prompt ${unit.promptId} lost its text.`)
    return { ...unit, text }
  })
}

/** Cuts a plan into batches that never mix stages; the cut depends on the plan only, so a resumed run makes the same. */
export function batches(units: readonly WorkUnit[], size: number): WorkUnit[][] {
  const list: WorkUnit[][] = []
  for (const unit of units) {
    const last = list.at(-1)
    const first = last?.[0]
    if (last && first && last.length < size && first.stage === unit.stage && first.step === unit.step) last.push(unit)
    else list.push([unit])
  }
  return list
}

/**
 * The order batches are made in when all stages can stay loaded: base, aligned and fine-tuned in turn, so that the first
 * pairs to compare exist at once. Checkpoints of a live fine-tune come behind, in their order: they need training. The
 * batches themselves stay as they are cut, so every picture and the record are the same in either order.
 */
export function sideBySide(cut: readonly WorkUnit[][]): WorkUnit[][] {
  const stages = new Map<string, WorkUnit[][]>()
  const checkpoints: WorkUnit[][] = []
  for (const batch of cut) {
    const [first] = batch
    if (!first) continue
    if (first.step === null) stages.set(first.stage, [...(stages.get(first.stage) ?? []), batch])
    else checkpoints.push(batch)
  }
  const turns = [...stages.values()].flatMap((list, which) =>
    list.map((batch, i) => ({ batch, at: i / list.length, which })),
  )
  turns.sort((a, b) => a.at - b.at || a.which - b.which)
  return [...turns.map(({ batch }) => batch), ...checkpoints]
}

/** How the pictures of a stage are drawn: as the whole run, but by the accelerator where that is what was added to it. */
export function samplerAt({ sampler, fineTune }: RunSpec, stage: Stage): SamplerSpec {
  if (stage !== 'fine-tuned' || fineTune?.kind !== 'accelerate') return sampler
  const { sha256, numInferenceSteps, guidanceScale } = fineTune
  return { ...sampler, numInferenceSteps, guidanceScale, accelerator: sha256 }
}

/** What the engine must prepare for a stage. `checkpointKey`: the trainer's, for a live checkpoint after step 0. */
export function variantOf(
  spec: RunSpec,
  stage: Stage,
  step: number | null,
  checkpointKey: string | null,
): ModelVariant {
  const alignment = stage === 'base' ? null : spec.alignment
  const fineTune = stage === 'fine-tuned' ? spec.fineTune : null
  const { accelerator, decoder } = spec.sampler
  const sampled = {
    ...(accelerator === undefined ? {} : { accelerated: true }),
    ...(decoder === undefined ? {} : { smallDecoder: true }),
  }
  if (!fineTune || (fineTune.kind === 'live' && step === 0))
    return { stage, step, alignment, ...sampled, fineTune: { kind: 'none' } }
  switch (fineTune.kind) {
    case 'accelerate':
      return { stage, step, alignment, ...sampled, fineTune: { kind: 'accelerate' } }
    case 'pack':
      return { stage, step, alignment, ...sampled, fineTune: { kind: 'pack', id: fineTune.id } }
    case 'file':
      return {
        stage,
        step,
        alignment,
        ...sampled,
        fineTune: {
          kind: 'file',
          sha256: fineTune.sha256,
          strength: fineTune.strength,
          ...(fineTune.more ? { more: fineTune.more } : {}),
        },
      }
    case 'live': {
      if (checkpointKey === null)
        throw new SpqrError('UNEXPECTED', `The checkpoint of step ${step} has not been trained.`)
      return { stage, step, alignment, ...sampled, fineTune: { kind: 'checkpoint', key: checkpointKey } }
    }
  }
}
