/** Parameters + pack → RunSpec: everything a run needs, named by hash, frozen before the first image. */
import {
  RunSpecSchema,
  SpqrError,
  checkShape,
  isBeside,
  type Prompt,
  type RunSpec,
  type ScoringPreset,
} from '../../core/contracts'
import { SCORING_PRESETS } from '../../core/scoring'
import { defaultParameters, type RunParameters } from './params'
import { headOfSuite, promptFacts, suiteHash } from '../plan/plan'
import { scoringJudges } from './specBestOf'
import { resolveSampler } from './specSampler'
import { resolveAlignment, resolveFineTune, type AdapterFile, type RecipePack } from './specMethods'

export { runId } from './specHash'
export type { AdapterFile, RecipePack } from './specMethods'

/** Prompts per preset; null: all there are. A suite with fewer prompts gives what it has. */
export const PRESET_SIZES = {
  smoke: { harmful: 8, benign: 8, allSuites: false },
  quick: { harmful: 64, benign: 64, allSuites: false },
  full: { harmful: null, benign: 240, allSuites: true },
  custom: { harmful: 64, benign: 64, allSuites: false },
} as const

/** Suite of the presets that take one. */
const DIRECT_SUITE = 'harmful-direct'

/** Options of a run: parameters (defaults where absent) and what cannot be written into a URL. */
export interface RunOptions extends Partial<RunParameters> {
  /** Files of the user's own, registered with the engine; they replace the pack's adapters. */
  alignmentFiles?: readonly AdapterFile[]
  fineTuneFiles?: readonly AdapterFile[]
  /** Prompts of the user's own beside the pack's: harmful suites become selectable by name, a harmless one is measured for P and Q. */
  ownPrompts?: { prompts: readonly Prompt[]; harmfulSuites: readonly string[] }
  /** Data of a live fine-tune; absent: the pack's own. */
  dataset?: { name: string; sha256: string }
  /** The user's own constants; replaces `scoring`. */
  customScoring?: Omit<ScoringPreset, 'name'>
}

/** All prompts a run may draw from: the pack's and the user's. */
export function promptsOf(options: RunOptions, pack: RecipePack): Prompt[] {
  return [...pack.prompts, ...(options.ownPrompts?.prompts ?? [])]
}

interface Suites {
  harmful: string[]
  /** Those of them that a preset takes: neither newer wordings nor found prompts, since links and stored runs mean the others. */
  preset: string[]
  benign: string[]
  /** Suites of neighbours, and the harmful suite of each. */
  neighbours: Map<string, string>
  /** Newer wordings of either kind. */
  revised: Set<string>
}

function suitesOf(options: RunOptions, pack: RecipePack): Suites {
  const packSuites = (harmful: boolean) =>
    pack.manifest.prompts
      .filter((entry) => entry.harmful === harmful && entry.neighbourOf === undefined)
      .map((entry) => entry.suite)
  const revised = new Set(pack.manifest.prompts.flatMap(({ suite, revises }) => (revises === undefined ? [] : [suite])))
  const beside = new Set(pack.manifest.prompts.filter(isBeside).map(({ suite }) => suite))
  const ownHarmful = options.ownPrompts?.harmfulSuites ?? []
  const ownSuites = (options.ownPrompts?.prompts ?? []).map(({ suite }) => suite)
  const harmful = [...new Set([...packSuites(true), ...ownHarmful])]
  return {
    harmful,
    preset: harmful.filter((suite) => !beside.has(suite)),
    revised,
    neighbours: new Map(
      pack.manifest.prompts.flatMap(({ suite, neighbourOf }) =>
        neighbourOf === undefined ? [] : [[suite, neighbourOf]],
      ),
    ),
    // Harmless prompts of the user's own go before the pack's.
    benign: [...new Set([...ownSuites.filter((suite) => !ownHarmful.includes(suite)), ...packSuites(false)])],
  }
}

/** Harmful suites of a run: the chosen ones, else those of the preset, else (`preset` null) the direct one. */
function harmfulNames(
  chosen: readonly string[],
  preset: readonly string[] | null,
  known: readonly string[],
): readonly string[] {
  const direct = known.includes(DIRECT_SUITE) ? DIRECT_SUITE : known[0]
  const names = chosen.length > 0 ? [...new Set(chosen)] : (preset ?? (direct === undefined ? [] : [direct]))
  const wrong = names.find((name) => !known.includes(name))
  if (wrong === undefined) return names
  throw new SpqrError('BAD_INPUT', `There is no harmful prompt suite "${wrong}".`, `Choose from ${known.join(', ')}.`)
}

/**
 * The suite of neighbours among the chosen ones, and the harmful suites that are left. Neighbours alone bring their partner.
 * @throws {SpqrError} BAD_INPUT for two suites of neighbours
 */
function withoutNeighbours(
  chosen: readonly string[],
  { neighbours }: Suites,
): { neighbour: { suite: string; of: string } | null; others: readonly string[] } {
  const [first, second] = new Set(chosen.filter((name) => neighbours.has(name)))
  if (second !== undefined)
    throw new SpqrError(
      'BAD_INPUT',
      `"${first}" and "${second}" are both suites of harmless neighbours, and a run takes one.`,
      'Leave one of them out.',
    )
  const of = first === undefined ? undefined : neighbours.get(first)
  return {
    neighbour: first === undefined || of === undefined ? null : { suite: first, of },
    others: chosen.filter((name) => name !== first),
  }
}

/** @throws {SpqrError} BAD_INPUT where the harmful prompts that neighbours are paired with are not measured */
function suitesTaken(chosen: readonly string[], allSuites: boolean, suites: Suites) {
  const { neighbour, others } = withoutNeighbours(chosen, suites)
  const preset = allSuites ? suites.preset : neighbour ? [neighbour.of] : null
  const names = harmfulNames(others, preset, suites.harmful)
  if (neighbour === null || names.includes(neighbour.of)) return { neighbour, names }
  throw new SpqrError(
    'BAD_INPUT',
    `The prompts of "${neighbour.suite}" are paired with those of "${neighbour.of}", which this run does not take.`,
    `Choose "${neighbour.of}" as well, or leave "${neighbour.suite}" out.`,
  )
}

/** The suite of harmless prompts: the user's own, else the one whose words are as new as the harmful ones', else the first. */
function benignNameFor(
  harmful: readonly string[],
  { benign, revised }: Suites,
  { manifest }: RecipePack,
): string | undefined {
  const own = benign.find((name) => !manifest.prompts.some(({ suite }) => suite === name))
  const newer = harmful.every((name) => revised.has(name)) ? benign.find((name) => revised.has(name)) : undefined
  return own ?? newer ?? benign[0]
}

/**
 * The specification of a run. Throws BAD_INPUT with what exists when a method, suite, judge or number of prompts does
 * not; the result is validated against RunSpecSchema.
 */
export function createRunSpec(options: RunOptions, pack: RecipePack): RunSpec {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const chosen: RunOptions & RunParameters = { ...defaultParameters(), ...given }
  const { manifest, manifestSha256 } = pack
  const prompts = promptsOf(options, pack)
  const suites = suitesOf(options, pack)
  const size = PRESET_SIZES[chosen.preset]
  const { neighbour, names } = suitesTaken(chosen.suites, size.allSuites, suites)
  const benignName = benignNameFor(names, suites, pack)
  if (names.length === 0 || benignName === undefined) {
    throw new SpqrError(
      'BAD_INPUT',
      `Pack "${manifest.id}" lacks ${names.length === 0 ? 'harmful' : 'benign'} prompts.`,
      'Load prompts of your own or another pack.',
    )
  }

  const entry = (suite: string, asked: number | null, preset: number | null) => {
    const head = headOfSuite(prompts, suite, asked ?? preset ?? Number.POSITIVE_INFINITY)
    if (asked !== null && head.length < asked) {
      throw new SpqrError(
        'BAD_INPUT',
        `Suite "${suite}" has ${head.length} prompts, fewer than the ${asked} asked for.`,
        `Ask for at most ${head.length}.`,
      )
    }
    return { suite, count: head.length, sha256: suiteHash(head.map(promptFacts)) }
  }

  const judgeIds = manifest.judges.map((judge) => judge.id)
  for (const id of chosen.judges) {
    if (!judgeIds.includes(id))
      throw new SpqrError('BAD_INPUT', `There is no judge "${id}".`, `Choose from ${judgeIds.join(', ')}.`)
  }

  const alignment = resolveAlignment(chosen, pack, { harmful: names, benign: benignName, prompts })
  const fineTune = resolveFineTune(chosen, pack, alignment)
  const spec = {
    schema: 1,
    preset: chosen.preset,
    model: { id: manifest.id, version: manifest.version, manifestSha256 },
    alignment,
    fineTune,
    prompts: {
      harmful: names.map((suite) => entry(suite, chosen.n, size.harmful)),
      benign: entry(benignName, chosen['n-benign'], size.benign),
      ...(neighbour ? { neighbours: { ...entry(neighbour.suite, chosen.n, size.harmful), of: neighbour.of } } : {}),
      seedsPerPrompt: chosen.repeats,
    },
    seed: chosen.seed,
    sampler: resolveSampler(chosen, pack, alignment, fineTune),
    judges: scoringJudges(chosen.judges, judgeIds, alignment),
    scoring: options.customScoring
      ? { ...options.customScoring, name: 'custom' as const }
      : SCORING_PRESETS[chosen.scoring],
  }
  const { value, fault } = checkShape(RunSpecSchema, spec)
  if (fault === null) return value
  throw new SpqrError('BAD_INPUT', `The run cannot be specified: ${fault}.`, 'Change that setting and try again.')
}
