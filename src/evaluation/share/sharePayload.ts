/**
 * What a full link holds, in the two formats that are read: `v1` is gzip of one JSON text; `v2` is a JSON header without
 * the numbers, deflated with a dictionary, the starts of the pictures' hashes, and the numbers in the fewest bits.
 */
import { deflateSync, strFromU8, strToU8 } from 'fflate'
import * as v from 'valibot'
import {
  AXES,
  CommitteeSchema,
  EnvironmentSchema,
  JudgeFactsSchema,
  RunSpecSchema,
  ScoringRuleSchema,
  checkShape,
  parseJson,
  TimingsSchema,
  TrainingTraceSchema,
} from '../../core/contracts'
import { canonicalJson, sha256Hex } from '../../core/hash'
import { CHECK_DIGITS, invalidLink as invalid, readLinkParts } from './mangled'
import { fromBase64Url, inflateBounded, toBase64Url, unpack } from './shareBytes'
import { IMAGE_DIGITS, JudgeColumnSchema, OutcomeColumnsSchema, PromptColumnsSchema } from './shareColumns'
import { HEADER_DICTIONARY } from './shareDictionary'
import { readValues, shapeOf, writeValues } from './shareValues'

/** Longest JSON that is unpacked from one, in bytes. */
export const MAX_UNPACKED = 32_000_000
/** What a link of given bytes may unpack to: scores of pictures shrink about 5-fold, never 100-fold. */
const [UNPACKED_BASE, UNPACKED_RATIO] = [1_000_000, 100]

const number = v.nullable(v.pipe(v.number(), v.finite()))
const StatedScoreSchema = v.strictObject({ value: number, low: number, high: number })
export const SCORED = [...AXES, 'SPQR'] as const
export type Scored = (typeof SCORED)[number]

const facts = {
  spec: RunSpecSchema,
  createdAt: v.pipe(v.string(), v.maxLength(40)),
  environment: EnvironmentSchema,
  timings: TimingsSchema,
  judges: v.pipe(v.array(JudgeFactsSchema), v.maxLength(20)),
  training: v.nullable(TrainingTraceSchema),
  scoringRule: v.optional(ScoringRuleSchema),
  committee: v.optional(CommitteeSchema),
  scores: v.strictObject({
    S: StatedScoreSchema,
    P: StatedScoreSchema,
    Q: StatedScoreSchema,
    R: StatedScoreSchema,
    SPQR: StatedScoreSchema,
  }),
}
const PayloadSchema = v.strictObject({
  v: v.literal(1),
  ...facts,
  prompts: PromptColumnsSchema,
  outcomes: OutcomeColumnsSchema,
})
const { id, kind, rows, width } = JudgeColumnSchema.entries
const ShapeSchema = v.strictObject({
  ...{ id, kind, rows, width },
  legible: v.boolean(),
  step: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e9)),
})
const { status, failures } = OutcomeColumnsSchema.entries
const HeaderSchema = v.strictObject({
  v: v.literal(2),
  ...facts,
  /** Null: the prompts are those of the pack, known by the hashes in the specification. */
  prompts: v.nullable(PromptColumnsSchema),
  outcomes: v.strictObject({ status, failures, judges: v.pipe(v.array(ShapeSchema), v.maxLength(20)) }),
  /** 128-bit commitment to the record before its features were rounded; null where that is not known. */
  commitment: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))),
})

type Payload = v.InferOutput<typeof PayloadSchema>
/** What either format states. */
export interface LinkPayload extends Omit<Payload, 'v' | 'prompts'> {
  prompts: Payload['prompts'] | null
  commitment: string | null
  /** Features of a quality judge are rounded. */
  rounded: boolean
}
type WrittenPayload = Omit<v.InferInput<typeof HeaderSchema>, 'v' | 'outcomes'> & Pick<Payload, 'outcomes'>

/** The link of a payload, `#` included. @throws {SpqrError} LINK_TOO_LARGE */
export function writeLink(payload: WrittenPayload): string {
  const { outcomes, ...others } = payload
  const header = strToU8(
    canonicalJson({
      v: 2,
      ...others,
      outcomes: { status: outcomes.status, failures: outcomes.failures, judges: outcomes.judges.map(shapeOf) },
    }),
  )
  const packed = deflateSync(header, { level: 9, dictionary: HEADER_DICTIONARY })
  const bytes = Uint8Array.from([
    ...[16, 8, 0].map((shift) => (packed.length >> shift) & 255),
    ...packed,
    ...bytesOf(outcomes.images),
    ...writeValues(outcomes.judges),
  ])
  return `#v2.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, CHECK_DIGITS)}`
}

/** Reads and validates the payload of a link of either format. @throws {SpqrError} LINK_INVALID, LINK_TOO_LARGE */
export function readPayload(fragment: string): LinkPayload {
  const { kind, body, check } = readLinkParts(fragment)
  if (kind === 's1') throw invalid('it is a short link, which carries no samples')
  const bytes = fromBase64Url(body)
  if (!bytes) throw invalid('it holds letters that no link has')
  if (sha256Hex(bytes).slice(0, CHECK_DIGITS) !== check)
    throw invalid('its check digits do not fit its data, so it was changed or cut')
  const limit = Math.min(MAX_UNPACKED, UNPACKED_BASE + UNPACKED_RATIO * bytes.length)
  return kind === 'v1'
    ? { ...checked(PayloadSchema, unpack(bytes, limit)), commitment: null, rounded: false }
    : readSecond(bytes, limit)
}

function checked<Schema extends v.GenericSchema>(schema: Schema, text: string): v.InferOutput<Schema> {
  const json = parseJson(text)
  if (json.fault !== null) throw invalid(json.fault)
  const { value, fault } = checkShape(schema, json.value)
  if (fault === null) return value
  throw invalid(`its data is wrong at ${fault}`)
}

function readSecond(bytes: Uint8Array, limit: number): LinkPayload {
  const [a = 0, b = 0, c = 0] = bytes
  const end = 3 + (a << 16) + (b << 8) + c
  if (end > bytes.length) throw invalid('its parts do not fit its length')
  const header = checked(HeaderSchema, strFromU8(inflateBounded(bytes.subarray(3, end), limit, HEADER_DICTIONARY)))
  const { status: lengths, failures: failed, judges } = header.outcomes
  const judged = [...lengths.matchAll(/j(\d+)/g)].reduce((total, [, length]) => total + Number(length), 0)
  const rest = end + (judged * IMAGE_DIGITS) / 2
  if (rest > bytes.length) throw invalid('it names more pictures than it holds')
  const images = hexOf(bytes.subarray(end, rest))
  const columns = readValues(judges, bytes.subarray(rest))
  return {
    ...header,
    rounded: judges.some(({ step }) => step > 1),
    outcomes: { status: lengths, failures: failed, images, judges: columns },
  }
}

const bytesOf = (hex: string): number[] => (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
