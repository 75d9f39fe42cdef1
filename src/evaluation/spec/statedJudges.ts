/** Whether the constants of judges that a record states are those of the judges it names. */
import * as v from 'valibot'
import { SpqrError, type Judge, type JudgeFacts, type LoadedPack, type RunRecord } from '../../core/contracts'
import { safetyConstants, type SafetyConstants } from '../../core/metrics'
import { canonicalJson, hashOf } from '../../core/hash'
import { committeeOf } from '../run/committee'

const invented = (id: string): SpqrError =>
  new SpqrError(
    'LINK_MISMATCH',
    `The samples were scored with other constants of judge "${id}" than that judge has.`,
    'Do not trust these scores; ask their author for the exported report.',
  )

/**
 * Throws BAD_INPUT when the pack or a judge is of another version, LINK_MISMATCH when the record states other constants of
 * a judge than the judge has: scores recomputed with invented thresholds add up, and mean nothing.
 */
export function assertSameJudging({ spec, judges }: RunRecord, pack: LoadedPack): void {
  if (spec.model.manifestSha256 !== pack.manifestSha256) {
    throw new SpqrError(
      'BAD_INPUT',
      `This was made with another version of pack "${spec.model.id}".`,
      'It cannot be made again here; the scores above were still recomputed from the samples.',
    )
  }
  for (const stated of judges) {
    const own = pack.judges.find(({ id }) => id === stated.id)
    if (!own) continue
    if (own.sha256 !== stated.sha256)
      throw new SpqrError(
        'BAD_INPUT',
        `The samples were judged by another version of judge "${stated.id}".`,
        'Choose the judges of that run; its scores were still recomputed from the samples.',
      )
    if (canonicalJson(constantsOf(stated, own)) !== canonicalJson(constantsOf(own, own))) throw invented(stated.id)
  }
}

/** Something that a record brings of its own, as a sentence to be shown beside its scores. */
export interface OwnPart {
  what: 'judge' | 'rates' | 'constants'
  sentence: string
}

/**
 * The same for judges whose descriptions are at hand, before anything is made: those that a record names by their hash.
 * @param measured the pack's published figures
 * @returns what the record brings of its own
 * @throws {SpqrError} LINK_MISMATCH
 */
export function assertPublished(record: RunRecord, published: readonly Judge[], measured?: unknown): OwnPart[] {
  const { judges, spec } = record
  const known = new Map(published.map((judge) => [judge.id, judge]))
  const own = judges.flatMap((stated): OwnPart[] => {
    const judge = known.get(stated.id)
    if (!judge || hashOf(judge) !== stated.sha256)
      return [{ what: 'judge', sentence: `Judge "${stated.id}" is the author's own: this page does not know it.` }]
    if (!statesConstantsOf(stated, judge)) throw invented(stated.id)
    if (statesRatesOf(stated, measured)) return []
    return [{ what: 'rates', sentence: `The error rates of judge "${stated.id}" are the author's own.` }]
  })
  if (!statesCommittee(record, measured))
    own.push({ what: 'rates', sentence: "The error rates of the judges together are the author's own." })
  if (spec.scoring.name === 'custom')
    own.push({ what: 'constants', sentence: "The constants of the formulas are the author's own." })
  return own
}

function statesConstantsOf(stated: JudgeFacts, judge: Judge): boolean {
  switch (stated.kind) {
    case 'safety-multilabel':
      return (
        judge.axis === 'S' && canonicalJson(safetyParts(stated)) === canonicalJson(safetyParts(safetyConstants(judge)))
      )
    case 'clip':
      return judge.kind === 'clip' && stated.ceiling === (judge.ceiling?.value ?? null)
    case 'features':
      return (
        judge.kind === 'features' &&
        stated.dimension === judge.dimension &&
        (stated.reference?.sha256 !== judge.reference?.sha256 ||
          canonicalJson(stated.bounds) === canonicalJson(judge.bounds.map(({ n, min, max }) => ({ n, min, max }))))
      )
  }
}

const safetyParts = ({ labels, unsafe, threshold, legibilityThreshold }: SafetyConstants): unknown[] => [
  labels,
  unsafe ?? null,
  threshold,
  legibilityThreshold,
]

const RatesSchema = v.looseObject({
  judges: v.record(v.string(), v.looseObject({ recall: v.number(), falsePositiveRate: v.number() })),
  /** The pictures behind the figures. */
  judgeReport: v.optional(v.looseObject({ unseen: v.looseObject({ n: v.number(), nHarmful: v.number() }) })),
})

/** Whether the error rates are those that the pack publishes of the judge, or none at all; true where it publishes none. */
function statesRatesOf(stated: JudgeFacts, measured: unknown): boolean {
  const file = v.safeParse(RatesSchema, measured)
  if (!file.success || stated.kind !== 'safety-multilabel') return true
  const rates = new Map(Object.entries(file.output.judges)).get(stated.id)
  if (!rates || (stated.recall === null && stated.falsePositiveRate === null)) return true
  const { unseen } = file.output.judgeReport ?? {}
  const [harmful, safe] = unseen ? [unseen.nHarmful, unseen.n - unseen.nHarmful] : []
  const behind = (count: number | undefined, known: number | undefined): boolean =>
    count === undefined || known === undefined || count === known
  return (
    rates.recall === stated.recall &&
    rates.falsePositiveRate === stated.falsePositiveRate &&
    behind(stated.recallN, harmful) &&
    behind(stated.falsePositiveN, safe)
  )
}

/** The same of the judges together. */
function statesCommittee({ committee, judges, spec }: RunRecord, measured: unknown): boolean {
  if (committee === undefined || !v.is(RatesSchema, measured)) return true
  const published = committeeOf({ judges, measured }, spec.judges)
  return published !== null && canonicalJson(committee) === canonicalJson(published)
}

/** What of a judge's facts its hash fixes. Measured error rates come with the pack's figures, FID bounds with the reference. */
function constantsOf(facts: JudgeFacts, other: JudgeFacts): unknown {
  switch (facts.kind) {
    case 'safety-multilabel':
      return [facts.kind, ...safetyParts(facts)]
    case 'clip':
      return [facts.kind, facts.ceiling]
    case 'features': {
      const same = other.kind === 'features' && facts.reference?.sha256 === other.reference?.sha256
      return [facts.kind, facts.dimension, same ? facts.bounds : null]
    }
  }
}
