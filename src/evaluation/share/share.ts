/**
 * Result links: `#v1.<base64url(gzip(canonical JSON))>.<sha256 prefix>`.
 *
 * A link holds the recipe (with the hashes of weights, adapters, judges and prompts), every judge's score of every image
 * as an integer, the start of every picture's hash, and the environment: whoever opens it recomputes the scores from the
 * samples. It never holds the text of a prompt.
 */
import * as v from 'valibot'
import {
  AXES,
  CommitteeSchema,
  EnvironmentSchema,
  JudgeFactsSchema,
  RunRecordSchema,
  RunSpecSchema,
  ScoringRuleSchema,
  SpqrError,
  checkShape,
  parseJson,
  TimingsSchema,
  TrainingTraceSchema,
  type JudgeFacts,
  type Prompt,
  type Report,
  type RunRecord,
  type Score,
  type ScoringPreset,
} from '../../core/contracts'
import { DEFAULT_RESAMPLES, judgeProblem, presetProblem } from '../../core/scoring'
import { planFacts, promptFacts, selectPrompts, type PromptFacts } from '../plan/plan'
import { CHECK_DIGITS, MAX_LINK_LENGTH, invalidLink as invalid, readLinkParts } from './mangled'
import { fromBase64Url, pack, toBase64Url, unpack } from './shareBytes'
import {
  OutcomeColumnsSchema,
  PromptColumnsSchema,
  packOutcomes,
  packPrompts,
  unpackOutcomes,
  unpackPrompts,
} from './shareColumns'
import { canonicalJson, runId, sha256Hex } from '../spec/specHash'

/** Longest JSON that is unpacked from one, in bytes. */
export const MAX_UNPACKED = 32_000_000
/** What a link of given bytes may unpack to: scores of pictures shrink about 5-fold, never 100-fold. */
const [UNPACKED_BASE, UNPACKED_RATIO] = [1_000_000, 100]
/** Most pictures that a link's recipe may plan: a link holds at most some 180,000 hashes. */
export const MAX_PLANNED = 500_000
/** Recomputed scores may differ from the stated ones by rounding of exp and log in another browser, no more. */
export const SCORE_TOLERANCE = 1e-6

/** Two draws of one interval of 2,000 resamples differ by less. */
const REDRAWN_TOLERANCE = 0.02

const number = v.nullable(v.pipe(v.number(), v.finite()))
const StatedScoreSchema = v.strictObject({ value: number, low: number, high: number })
const SCORED = [...AXES, 'SPQR'] as const
type Scored = (typeof SCORED)[number]

const PayloadSchema = v.strictObject({
  v: v.literal(1),
  spec: RunSpecSchema,
  createdAt: v.pipe(v.string(), v.maxLength(40)),
  environment: EnvironmentSchema,
  timings: TimingsSchema,
  judges: v.pipe(v.array(JudgeFactsSchema), v.maxLength(20)),
  training: v.nullable(TrainingTraceSchema),
  scoringRule: v.optional(ScoringRuleSchema),
  committee: v.optional(CommitteeSchema),
  prompts: PromptColumnsSchema,
  outcomes: OutcomeColumnsSchema,
  scores: v.strictObject({
    S: StatedScoreSchema,
    P: StatedScoreSchema,
    Q: StatedScoreSchema,
    R: StatedScoreSchema,
    SPQR: StatedScoreSchema,
  }),
})

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
}

function stated(score: Score) {
  return { value: score.value, low: score.low, high: score.high }
}

/**
 * The fragment of a link, `#` included. `prompts` are those of the run (texts are hashed, never carried); the facts that
 * `decodeLink` returned do as well. Throws RECORD_INVALID when the record and the prompts do not belong together.
 */
export function encodeLink(report: Report, prompts: readonly (Prompt | PromptFacts)[]): string {
  const { record } = report
  const facts = prompts.map((prompt) => ('textSha256' in prompt ? prompt : promptFacts(prompt)))
  const { harmful, benign } = selectPrompts(record.spec, facts)
  const used = [
    ...record.spec.prompts.harmful.flatMap(({ suite }) => harmful.filter((prompt) => prompt.suite === suite)),
    ...benign,
  ]
  const payload = {
    v: 1,
    spec: record.spec,
    createdAt: record.createdAt,
    environment: record.environment,
    timings: record.timings,
    judges: record.judges,
    training: record.training,
    ...(record.scoringRule === undefined ? {} : { scoringRule: record.scoringRule }),
    ...(record.committee === undefined ? {} : { committee: record.committee }),
    prompts: packPrompts(used),
    outcomes: packOutcomes(planFacts(record.spec, used), record.outcomes),
    scores: Object.fromEntries(SCORED.map((name) => [name, stated(report.scores[name])])),
  }
  const bytes = pack(canonicalJson(payload))
  const link = `#v1.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, CHECK_DIGITS)}`
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
  const prompts = unpackPrompts(payload.prompts)
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
      if (!close(ours[bound], theirs[bound], redrawn ? REDRAWN_TOLERANCE : SCORE_TOLERANCE)) {
        throw new SpqrError(
          'LINK_MISMATCH',
          `The link states ${name} ${bound} ${shown(theirs[bound])}, but its samples give ${shown(ours[bound])}.`,
          'Do not trust this link; ask its author for the exported report.',
        )
      }
    }
  }
  return { report, prompts, unverified }
}

function readPayload(fragment: string): v.InferOutput<typeof PayloadSchema> {
  const { kind, body, check } = readLinkParts(fragment)
  if (kind !== 'v1') throw invalid('it is a short link, which carries no samples')
  const bytes = fromBase64Url(body)
  if (!bytes) throw invalid('it holds letters that no link has')
  if (sha256Hex(bytes).slice(0, CHECK_DIGITS) !== check)
    throw invalid('its check digits do not fit its data, so it was changed or cut')
  const json = parseJson(unpack(bytes, Math.min(MAX_UNPACKED, UNPACKED_BASE + UNPACKED_RATIO * bytes.length)))
  if (json.fault !== null) throw invalid(json.fault)
  const { value, fault } = checkShape(PayloadSchema, json.value)
  if (fault === null) return value
  throw invalid(`its data is wrong at ${fault}`)
}

function recordOf(payload: v.InferOutput<typeof PayloadSchema>, prompts: readonly PromptFacts[]): RunRecord {
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
  const taken = spec.prompts.harmful.reduce((total, { count }) => total + count, spec.prompts.benign.count)
  if (prompts.length !== taken) throw invalid('its prompts are not those its recipe names')
  return checked.value
}

function close(a: number | null, b: number | null, tolerance: number): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= tolerance
}

function shown(value: number | null): string {
  return value === null ? 'no number' : value.toFixed(6)
}
