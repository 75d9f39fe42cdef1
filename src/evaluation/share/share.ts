/**
 * Result links: `#v2.<base64url(data)>.<sha256 prefix>` (`#v1.…` in older ones, which open as well).
 *
 * A link holds the recipe (with the hashes of weights, adapters, judges and prompts), every judge's score of every image
 * as an integer, the start of every picture's hash, and the environment: whoever opens it recomputes the scores from the
 * samples. It never holds the text of a prompt. Features of the quality judge are rounded in it (`shareValues.ts`), so Q
 * is recomputed within its printed rounding, and all else exactly.
 */
import {
  RunRecordSchema,
  SpqrError,
  checkShape,
  suitesOfRun,
  type JudgeFacts,
  type Prompt,
  type Report,
  type RunRecord,
  type RunSpec,
  type Score,
  type ScoringPreset,
  type Timings,
} from '../../core/contracts'
import { DEFAULT_RESAMPLES, judgeProblem, presetProblem } from '../../core/scoring'
import { planFacts, promptFacts, selectPrompts, type PromptFacts } from '../plan/plan'
import { canonicalJson } from '../../core/hash'
import { runId } from '../spec/specHash'
import { commitmentOf, isWhole } from './commitment'
import { MAX_LINK_LENGTH, invalidLink as invalid } from './mangled'
import { packOutcomes, packPrompts, unpackOutcomes, unpackPrompts } from './shareColumns'
import { SCORED, readPayload, writeLink, type LinkPayload, type Scored } from './sharePayload'

/** Most pictures that a link's recipe may plan: a link holds at most some 180,000 hashes. */
export const MAX_PLANNED = 500_000
/** Recomputed scores may differ from the stated ones by rounding of exp and log in another browser, no more. */
export const SCORE_TOLERANCE = 1e-6
/** Q, and SPQR with it, from rounded features: half of the last digit that is printed. */
export const ROUNDED_TOLERANCE = 0.005

/** Two draws of one interval of 2,000 resamples differ by less. */
const REDRAWN_TOLERANCE = 0.02

/** Where the decoder gets what a link does not carry. */
export interface LinkContext {
  /** The scoring function (`scoreRecord`, or the statistics worker). */
  score(
    record: RunRecord,
    preset: ScoringPreset,
    reference: Float32Array | null,
    resamples: number,
  ): Report | Promise<Report>
  /** Reference features whose hash the judge's facts name, or null when they are not at hand. */
  reference(facts: Extract<JudgeFacts, { kind: 'features' }>): Promise<Float32Array | null>
  /** Prompts that this page knows: links of the pack's own prompts carry only their hash. */
  prompts?: readonly (Prompt | PromptFacts)[]
  /** Bootstrap resamples; must be those of the run. Default 2,000. */
  resamples?: number
}

export interface OpenedLink {
  /** Recomputed from the samples. */
  report: Report
  /** Facts of the prompts, for `encodeLink` and `recheck`. */
  prompts: PromptFacts[]
  /** Scores that could not be recomputed because the quality judge's reference is not at hand. */
  unverified: Scored[]
  /** Commitment to the record as it was made, before a link rounded it; null where the link does not state it. */
  commitment: string | null
  /** Features are rounded: Q, FID and KID are right as printed, not in further digits. */
  rounded: boolean
}

function stated(score: Score) {
  return { value: score.value, low: score.low, high: score.high }
}

/** What is compared within SCORE_TOLERANCE needs no more digits. */
const DIGITS = 1e7
function statedShort(score: Score) {
  const short = (value: number | null) => value && Math.round(value * DIGITS) / DIGITS
  return { value: short(score.value), low: short(score.low), high: short(score.high) }
}

/** To the millisecond. */
const short = (timings: Timings): Timings => ({
  ...timings,
  ...Object.fromEntries(
    (['totalSeconds', 'loadSeconds', 'generateSeconds', 'judgeSeconds'] as const).map((name) => [
      name,
      Math.round(timings[name] * 1e3) / 1e3,
    ]),
  ),
})

const factsOf = (prompts: readonly (Prompt | PromptFacts)[]): PromptFacts[] =>
  prompts.map((prompt) => ('textSha256' in prompt ? prompt : promptFacts(prompt)))

/** The prompts of a specification, in the order of its suites. @throws {SpqrError} BAD_INPUT where they are others */
function used(spec: RunSpec, facts: readonly PromptFacts[]): PromptFacts[] {
  const { harmful, benign, neighbours } = selectPrompts(spec, facts)
  return [
    ...spec.prompts.harmful.flatMap(({ suite }) => harmful.filter((prompt) => prompt.suite === suite)),
    ...benign,
    ...neighbours,
  ]
}

/** The same of prompts that may be others; null then. */
function usedIfKnown(spec: RunSpec, known: readonly (Prompt | PromptFacts)[]): PromptFacts[] | null {
  const suites = new Set(suitesOfRun(spec.prompts).map(({ suite }) => suite))
  try {
    return used(spec, factsOf(known.filter(({ suite }) => suites.has(suite))))
  } catch (thrown) {
    if (thrown instanceof SpqrError) return null
    throw thrown
  }
}

/**
 * The fragment of a link, `#` included. `prompts` are those of the run (texts are hashed, never carried); the facts that
 * `decodeLink` returned do as well. Of prompts that are among `known`, those of the pack, only the hash is carried.
 * `commitment`: of the record before its features were rounded, where it came from a link itself.
 * @throws {SpqrError} RECORD_INVALID when the record and the prompts do not belong together; LINK_TOO_LARGE
 */
export function encodeLink(
  report: Report,
  prompts: readonly (Prompt | PromptFacts)[],
  known: readonly (Prompt | PromptFacts)[] = [],
  commitment?: string | null,
): string {
  const { record } = report
  const { spec, createdAt, environment, timings, judges, training, scoringRule, committee } = record
  const own = used(spec, factsOf(prompts))
  const theirs = usedIfKnown(spec, known)
  const byHash = theirs !== null && canonicalJson(theirs) === canonicalJson(own)
  const link = writeLink({
    ...{ spec, createdAt, environment, judges, training, timings: short(timings) },
    ...(scoringRule === undefined ? {} : { scoringRule }),
    ...(committee === undefined ? {} : { committee }),
    prompts: byHash ? null : packPrompts(own),
    outcomes: packOutcomes(planFacts(spec, own), record.outcomes),
    scores: {
      S: statedShort(report.scores.S),
      P: statedShort(report.scores.P),
      Q: statedShort(report.scores.Q),
      R: statedShort(report.scores.R),
      SPQR: statedShort(report.scores.SPQR),
    },
    commitment: commitment ?? (isWhole(record) ? commitmentOf(record) : null),
  })
  if (link.length > MAX_LINK_LENGTH) {
    throw new SpqrError(
      'LINK_TOO_LARGE',
      `The run is too large for a link: ${(link.length / 1e6).toFixed(1)} MB.`,
      'Export the report as a file instead.',
    )
  }
  return link
}

/** Reads, validates, recomputes and compares a link. Throws LINK_TOO_LARGE, LINK_INVALID or LINK_MISMATCH. */
export async function decodeLink(fragment: string, context: LinkContext): Promise<OpenedLink> {
  const payload = readPayload(fragment)
  const prompts = promptsOf(payload, context)
  const record = recordOf(payload, prompts)
  const features = record.judges.find((judge) => judge.kind === 'features')
  const reference = features ? await context.reference(features) : null
  const report = await context.score(record, record.spec.scoring, reference, context.resamples ?? DEFAULT_RESAMPLES)
  const unverified = SCORED.filter(
    (name) => (name === 'Q' || name === 'SPQR') && reference === null && payload.scores[name].value !== null,
  )
  for (const name of SCORED) {
    if (unverified.includes(name)) continue
    const [ours, theirs] = [stated(report.scores[name]), payload.scores[name]]
    for (const bound of ['value', 'low', 'high'] as const) {
      // P's interval is drawn in one stream with Q's: without the reference it is another draw of the same interval.
      const redrawn = unverified.length > 0 && name === 'P' && bound !== 'value'
      const rounded = payload.rounded && (name === 'Q' || name === 'SPQR')
      const tolerance = redrawn ? REDRAWN_TOLERANCE : rounded ? ROUNDED_TOLERANCE : SCORE_TOLERANCE
      if (!close(ours[bound], theirs[bound], tolerance)) {
        throw new SpqrError(
          'LINK_MISMATCH',
          `The link states ${name} ${bound} ${shown(theirs[bound])}, but its samples give ${shown(ours[bound])}.`,
          'Do not trust this link; ask its author for the exported report.',
        )
      }
    }
  }
  return { report, prompts, unverified, commitment: payload.commitment, rounded: payload.rounded }
}

/** The prompts' facts that a link carries, or those of the page whose hashes it names. */
function promptsOf({ spec, prompts }: LinkPayload, { prompts: known = [] }: LinkContext): PromptFacts[] {
  if (prompts !== null) return unpackPrompts(prompts)
  const found = usedIfKnown(spec, known)
  if (found !== null) return found
  throw new SpqrError(
    'LINK_INVALID',
    `The link names the prompts of pack "${spec.model.id}" ${spec.model.version} by their hash, and this page has others.`,
    'Open the link on the page it was made with, or ask its author for the exported report.',
  )
}

function recordOf(payload: LinkPayload, prompts: readonly PromptFacts[]): RunRecord {
  const { spec, createdAt, environment, timings, judges, training, scoringRule, committee } = payload
  const blocks = 2 + (spec.fineTune?.kind === 'live' ? spec.fineTune.checkpoints.length : 1)
  // Before anything is planned: a short link can name billions of pictures.
  if (blocks * prompts.length * spec.prompts.seedsPerPrompt > MAX_PLANNED)
    throw invalid('it names more pictures than a link can hold')
  const problem = judgeProblem({ spec, judges }) ?? presetProblem(spec)
  if (problem !== null) throw invalid(problem)
  let units
  try {
    units = planFacts(spec, prompts)
  } catch (error) {
    throw error instanceof SpqrError ? invalid(error.message) : error
  }
  const record = {
    schema: 1,
    id: runId(spec),
    spec,
    createdAt,
    environment,
    timings,
    judges,
    planned: units.length,
    outcomes: unpackOutcomes(units, payload.outcomes),
    training,
    ...(scoringRule === undefined ? {} : { scoringRule }),
    ...(committee === undefined ? {} : { committee }),
  }
  const checked = checkShape(RunRecordSchema, record)
  if (checked.fault !== null) throw invalid(`its record is wrong at ${checked.fault}`)
  const taken = suitesOfRun(spec.prompts).reduce((total, { count }) => total + count, 0)
  if (prompts.length !== taken) throw invalid('its prompts are not those its recipe names')
  return checked.value
}

function close(a: number | null, b: number | null, tolerance: number): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= tolerance
}

function shown(value: number | null): string {
  return value === null ? 'no number' : value.toFixed(6)
}
