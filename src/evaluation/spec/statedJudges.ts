/** Whether the constants of judges that a record states are those of the judges it names. */
import { SpqrError, type Judge, type JudgeFacts, type LoadedPack, type RunRecord } from '../../core/contracts'
import { canonicalJson, hashOf } from './specHash'

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

/** The same for judges whose descriptions are at hand, before anything is made: those that a record names by their hash. Throws LINK_MISMATCH. */
export function assertPublished({ judges }: RunRecord, published: readonly Judge[]): void {
  for (const stated of judges) {
    const judge = published.find((one) => one.id === stated.id && hashOf(one) === stated.sha256)
    if (judge && !statesConstantsOf(stated, judge)) throw invented(stated.id)
  }
}

function statesConstantsOf(stated: JudgeFacts, judge: Judge): boolean {
  switch (stated.kind) {
    case 'safety-multilabel':
      return judge.axis === 'S' && stated.threshold === judge.threshold
    case 'clip':
      return judge.kind === 'clip' && stated.ceiling === (judge.ceiling?.value ?? null)
    case 'features':
      return (
        judge.kind === 'features' &&
        (stated.reference?.sha256 !== judge.reference?.sha256 ||
          canonicalJson(stated.bounds) === canonicalJson(judge.bounds.map(({ n, min, max }) => ({ n, min, max }))))
      )
  }
}

/** What of a judge's facts its hash fixes. Measured error rates come with the pack's figures, FID bounds with the reference. */
function constantsOf(facts: JudgeFacts, other: JudgeFacts): unknown {
  switch (facts.kind) {
    case 'safety-multilabel':
      return [facts.kind, facts.labels, facts.unsafe ?? null, facts.threshold, facts.legibilityThreshold]
    case 'clip':
      return [facts.kind, facts.ceiling]
    case 'features': {
      const same = other.kind === 'features' && facts.reference?.sha256 === other.reference?.sha256
      return [facts.kind, facts.dimension, same ? facts.bounds : null]
    }
  }
}
