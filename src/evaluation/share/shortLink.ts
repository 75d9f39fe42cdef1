/**
 * Short result links: `#s1.<base64url(deflate(JSON))>.<sha256 prefix>`, at most 400 characters whatever the number of
 * pictures, so that one fits a chat, a QR code and a printed page.
 *
 * A short link holds a claim, no samples: the recipe as parameters, the counts behind h, the rounded axes and a 128-bit
 * commitment to every sample. Nothing of it is believed: whoever opens it makes the run again and compares.
 */
import { deflateSync, strFromU8, strToU8 } from 'fflate'
import * as v from 'valibot'
import { AXES, SpqrError, parseJson, type Report } from '../../core/contracts'
import {
  PARAMETERS,
  defaultParameters,
  parseParameters,
  queryPairs,
  toQuery,
  unknownSentence,
  type Parameters,
  type RunParameters,
} from '../spec/params'
import type { RecipePack } from '../spec/spec'
import { sha256Hex } from '../../core/hash'
import { commitmentOf, countsOf, isWhole, roundedScores, type Counts, type RoundedScores } from './commitment'
import { contradictionIn } from './contradiction'
import { CHECK_DIGITS, invalidLink, type LinkParts } from './mangled'
import { parametersOf } from './recipe'
import { fromBase64Url, inflateBounded, toBase64Url } from './shareBytes'

/** Longest short link, `#` included. */
export const MAX_SHORT_LINK = 400
/** Most bytes a claim may unpack to. */
const MAX_CLAIM = 4_000

const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000_000))
const count = v.nullable(
  v.pipe(
    v.tuple([whole, whole]),
    v.check(([flagged, n]) => flagged <= n, 'is no share of its pictures'),
  ),
)
const thousandths = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000)))
const digits = (length: number) => v.pipe(v.string(), v.regex(/^[0-9a-f]*$/), v.length(length))

const ClaimSchema = v.strictObject({
  /** Pack: folder name and start of its manifest's hash. */
  p: v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/)),
  m: digits(16),
  /** Parameters that differ from the defaults, as a query. */
  q: v.pipe(v.string(), v.maxLength(2_000)),
  /** Start of the specification's hash. */
  r: digits(32),
  /** Commitment to the samples. */
  c: digits(32),
  h: v.tuple([count, count, count]),
  f: v.tuple([whole, whole]),
  x: whole,
  s: v.pipe(v.array(thousandths), v.length(AXES.length + 1)),
  /** Execution provider and threads. */
  e: v.tuple([v.picklist(['wasm', 'webgpu']), v.pipe(whole, v.minValue(1), v.maxValue(64))]),
  /** Day it was made, as days since 1970-01-01 UTC. */
  d: v.pipe(whole, v.maxValue(200_000)),
})

/** What a short link says; nothing of it has been checked. */
export interface Claim {
  pack: string
  manifestSha256: string
  parameters: RunParameters & Pick<Parameters, 'pack'>
  /** First 32 digits of the run's id. */
  run: string
  commitment: string
  counts: Counts
  /** S, P, Q, R, SPQR in thousandths. */
  scores: RoundedScores
  executionProvider: 'wasm' | 'webgpu'
  threads: number
  /** The day it was made, YYYY-MM-DD. */
  day: string
}

/** What making the run again found. */
export interface ClaimCheck {
  /** Every sample is the same to the bit. */
  record: boolean
  /** The counts behind h, the flips and the failures are the same. */
  counts: boolean
  /** The axes are the same to three digits. */
  scores: boolean
}

/**
 * The short link of a run. `commitment`: to the record as it was made, where the report came from a full link.
 * @throws {SpqrError} BAD_INPUT when the recipe cannot be written as parameters of the pack, or the samples are rounded
 * and nobody knows the commitment to those that were made.
 */
export function encodeShortLink(
  report: Report,
  packName: string,
  pack: RecipePack,
  commitment?: string | null,
): string {
  const { record, spec } = report
  const parameters = parametersOf(spec, pack)
  if (!parameters) {
    throw new SpqrError(
      'BAD_INPUT',
      'This run used files, prompts or constants of your own, or another model, which a short link cannot carry.',
      'Copy the full link instead.',
    )
  }
  if (!commitment && !isWhole(record))
    throw new SpqrError(
      'BAD_INPUT',
      'This report came from a link that rounds the samples, and a short link promises them to the bit.',
      'Copy the full link instead, or run the recipe here first.',
    )
  const counts = countsOf(report)
  const claim: v.InferOutput<typeof ClaimSchema> = {
    p: packName,
    m: spec.model.manifestSha256.slice(0, 16),
    // Links of every version mean the full sampler, and the model's decoder, where they name none.
    q: toQuery({
      ...defaultParameters(),
      ...parameters,
      ...(parameters.sampler === 'full' ? { sampler: 'auto' } : {}),
      ...(parameters.decoder === 'model' ? { decoder: 'auto' } : {}),
    }).slice(1),
    r: record.id.slice(0, 32),
    c: commitment ?? commitmentOf(record),
    h: [counts.base, counts.aligned, counts.fineTuned].map((one) => one && [one[0], one[1]]) as [null, null, null],
    f: [...counts.flips],
    x: counts.failed,
    s: [...roundedScores(report)],
    e: [record.environment.executionProvider, record.environment.threads],
    d: Math.floor(Date.parse(record.createdAt) / 86_400_000),
  }
  const bytes = deflateSync(strToU8(JSON.stringify(Object.values(claim))), { level: 9 })
  const link = `#s1.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, CHECK_DIGITS)}`
  if (link.length > MAX_SHORT_LINK) {
    throw new SpqrError(
      'LINK_TOO_LARGE',
      `The recipe of this run has too many settings for a short link: ${link.length} characters.`,
      'Copy the full link instead.',
    )
  }
  return link
}

/**
 * Reads a claim; its samples are elsewhere, so it is checked no further than that it can be true.
 * @throws {SpqrError} LINK_INVALID for what is no claim, LINK_MISMATCH for one that contradicts itself
 */
export function decodeShortLink({ kind, body, check }: LinkParts): Claim {
  if (kind !== 's1') throw invalidLink('it is no short link')
  const bytes = body.length <= 2 * MAX_SHORT_LINK ? fromBase64Url(body) : null
  if (!bytes) throw invalidLink('it holds letters that no link has')
  if (sha256Hex(bytes).slice(0, CHECK_DIGITS) !== check) {
    throw invalidLink('its check digits do not fit its data, so it was changed or cut')
  }
  const claim = readClaim(strFromU8(inflateBounded(bytes, MAX_CLAIM)))
  const read: Claim = {
    pack: claim.p,
    manifestSha256: claim.m,
    parameters: recipeOf(claim.q, claim.p),
    run: claim.r,
    commitment: claim.c,
    counts: { base: claim.h[0], aligned: claim.h[1], fineTuned: claim.h[2], flips: claim.f, failed: claim.x },
    scores: claim.s,
    executionProvider: claim.e[0],
    threads: claim.e[1],
    day: new Date(claim.d * 86_400_000).toISOString().slice(0, 10),
  }
  const contradiction = contradictionIn(read)
  if (contradiction === null) return read
  throw new SpqrError(
    'LINK_MISMATCH',
    `The link contradicts itself: ${contradiction}.`,
    'Do not trust this link; ask its author for the exported report.',
  )
}

function readClaim(text: string): v.InferOutput<typeof ClaimSchema> {
  const names = Object.keys(ClaimSchema.entries)
  const { value: values, fault } = parseJson(text)
  if (fault !== null) throw invalidLink(fault)
  if (!Array.isArray(values) || values.length !== names.length) throw invalidLink('its data is no claim')
  const checked = v.safeParse(ClaimSchema, Object.fromEntries(names.map((name, i) => [name, values[i]])))
  if (!checked.success) throw invalidLink('its data is no claim of a run')
  return checked.output
}

function drawnBy({ sampler, decoder }: RunParameters): Pick<RunParameters, 'sampler' | 'decoder'> {
  if (sampler !== 'fast') return { sampler: 'full', decoder: 'auto' }
  return { sampler, decoder: decoder === 'small' ? 'small' : 'model' }
}

function recipeOf(query: string, pack: string): Claim['parameters'] {
  try {
    const { values, unknown } = parseParameters(queryPairs(query))
    const sentence = unknownSentence(unknown)
    if (sentence === null && pack === PARAMETERS.pack.parse(pack)) return { ...values, ...drawnBy(values), pack }
  } catch (error) {
    if (!(error instanceof SpqrError)) throw error
  }
  throw invalidLink('its recipe names settings that this version of the page does not have')
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/**
 * Compares a claim with the report of the run made again.
 * @throws {SpqrError} BAD_INPUT when the report is of another run.
 */
export function checkClaim(claim: Pick<Claim, 'run' | 'commitment' | 'counts' | 'scores'>, report: Report): ClaimCheck {
  if (!report.record.id.startsWith(claim.run)) {
    throw new SpqrError(
      'BAD_INPUT',
      'This report is of another run than the link claims.',
      'Make the run of the link; one of an earlier fast sampler cannot be made here.',
    )
  }
  const { counts } = claim
  return {
    record: commitmentOf(report.record) === claim.commitment,
    counts: same({ ...counts }, { ...countsOf(report) }),
    scores: same(claim.scores, roundedScores(report)),
  }
}
