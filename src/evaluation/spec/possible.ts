/** Which fine-tunes fit an alignment, so that a form offers only what a run can do, and the nearest of what it cannot. */
import {
  PROFILES,
  SCENARIOS,
  SpqrError,
  type Profile,
  type Prompt,
  type RunSpec,
  type Scenario,
} from '../../core/contracts'
import { headOfSuite, promptFacts, suiteHash } from '../plan/plan'
import type { RunParameters } from './params'
import { PRESET_SIZES, createRunSpec, type RecipePack, type RunOptions } from './spec'
import { packFineTunes } from './specMethods'
import { accelerates } from './specSampler'

/** What of the parameters decides the fine-tune; where none is to blame, another method or other numbers of prompts. */
export type FineTuneChoice = Partial<
  Pick<RunParameters, 'profile' | 'scenario' | 'train' | 'train-steps' | 'method' | 'n' | 'n-benign'>
>

export interface Possible {
  /** Why the chosen combination cannot be run, in one sentence; null when it can. */
  problem: string | null
  /** What to do about it; empty where `instead` says it. */
  hint: string
  /** Whether the pack's fast sampler would draw the pictures. */
  fast: boolean
  /** Fine-tunes that come with the pack for this alignment. */
  shipped: readonly { profile: Profile; scenario: Scenario }[]
  /** Profiles that can be trained in the browser. */
  trainable: readonly Profile[]
  /** Whether the pack's accelerator can be added in the place of a fine-tune. */
  accelerates: boolean
  /** What could be done instead, nearest first; empty when nothing is wrong. */
  instead: readonly FineTuneChoice[]
}

/** Steps of a fine-tune that is offered in the place of a shipped one: about ten seconds of lite on two cores. */
const SHORT_TRAINING = 30

/** Prompts whose texts are hashed at once: a few milliseconds. */
const PART = 64

/**
 * Hashes the prompts of a pack ahead of `possible`, which then takes a millisecond or two.
 * @param pause lets the page draw; awaited between parts
 */
export async function prepare(prompts: readonly Prompt[], pause: () => Promise<void>): Promise<void> {
  for (let from = 0; from < prompts.length; from += PART) {
    prompts.slice(from, from + PART).forEach(promptFacts)
    await pause()
  }
  const suites = new Set(prompts.map(({ suite }) => suite))
  for (const suite of suites) {
    for (const { harmful } of Object.values(PRESET_SIZES)) {
      suiteHash(headOfSuite(prompts, suite, harmful ?? Number.POSITIVE_INFINITY).map(promptFacts))
      await pause()
    }
  }
}

/** Checks the options as a run would, without making anything. */
export function possible(options: RunOptions & RunParameters, pack: RecipePack): Possible {
  const offers = offersFor(options, pack)
  const trainable = (pack.manifest.training?.profiles ?? []).map(({ profile }) => profile)
  const planned = planOf(options, pack)
  const { problem } = planned
  const instead = problem === null ? [] : nearest(options, pack, offers.shipped, trainable)
  const fast = planned.spec ? planned.spec.sampler.accelerator !== undefined : options.sampler === 'fast'
  return {
    problem,
    hint: problem !== null && instead.length === 0 ? planned.hint : '',
    fast,
    ...offers,
    trainable,
    instead,
  }
}

function offersFor(options: RunOptions, pack: RecipePack): Pick<Possible, 'shipped' | 'accelerates'> {
  try {
    const { alignment } = createRunSpec({ ...options, fineTuneFiles: [], profile: 'none', train: 'none' }, pack)
    return { shipped: packFineTunes(alignment, pack), accelerates: accelerates(alignment, pack) }
  } catch (error) {
    // Without an alignment there is nothing to fine-tune; `problemOf` says why.
    if (error instanceof SpqrError) return { shipped: [], accelerates: false }
    throw error
  }
}

function planOf(
  options: RunOptions,
  pack: RecipePack,
): { spec: RunSpec; problem: null; hint: '' } | { spec: null; problem: string; hint: string } {
  try {
    return { spec: createRunSpec(options, pack), problem: null, hint: '' }
  } catch (error) {
    if (!(error instanceof SpqrError)) throw error
    return { spec: null, problem: error.message, hint: error.hint }
  }
}

/** An address may name a method that nobody has, and a field more prompts than there are. */
const USUAL: readonly FineTuneChoice[] = [
  { method: '' },
  { n: null },
  { 'n-benign': null },
  { n: null, 'n-benign': null },
]

/** The same profile with other data, then the next smaller and larger profiles, then training here, then none. */
function nearest(
  options: RunOptions & RunParameters,
  pack: RecipePack,
  shipped: Possible['shipped'],
  trainable: readonly Profile[],
): FineTuneChoice[] {
  const wanted = options.train !== 'none' ? options.train : options.profile
  const rank = (profile: Profile): number => Math.abs(PROFILES.indexOf(profile) - PROFILES.indexOf(wanted as Profile))
  const far = ({ profile, scenario }: { profile: Profile; scenario: Scenario }): number =>
    10 * rank(profile) + (scenario === options.scenario ? 0 : 1 + SCENARIOS.indexOf(scenario))
  const [first] = [...shipped].sort((a, b) => far(a) - far(b))
  const here = trainable.find((profile) => profile === wanted) ?? trainable[0]
  const offers: FineTuneChoice[] = [
    ...(first ? [{ ...first, train: 'none' as const }] : []),
    ...(here ? [{ train: here, scenario: options.scenario, 'train-steps': SHORT_TRAINING }] : []),
    { profile: 'none', train: 'none' },
  ]
  const works = (offer: FineTuneChoice): boolean => planOf({ ...options, ...offer }, pack).spec !== null
  const working = offers.filter(works)
  return working.length > 0 ? working : USUAL.filter(works).slice(0, 1)
}
