/** What a record from outside says of judges and constants, held against what this page knows of them. */
import { SpqrError, type RunRecord } from '../../core/contracts'
import { assertPublished, type OwnPart } from '../../evaluation/spec/statedJudges'
import type { PackInfo } from '../page/pack.svelte'
import type { Origin } from '../run/exhibit.svelte'

export type Known = Pick<PackInfo, 'manifest' | 'measured'>

/**
 * What a record that `name` holds brings of its own; nothing where the page's own pack is not loaded.
 * @throws {SpqrError} RECORD_INVALID when it states other constants of a judge than that judge has
 */
export function checkJudging(record: RunRecord, { manifest, measured }: Known, name: string): OwnPart[] {
  if (!manifest) return []
  try {
    return assertPublished(record, manifest.judges, measured)
  } catch (thrown) {
    if (!(thrown instanceof SpqrError)) throw thrown
    throw new SpqrError('RECORD_INVALID', `${name} cannot be trusted: ${thrown.message}`, thrown.hint)
  }
}

/** The sentences to be shown beside the scores of a record; none of what was made by this page or in this browser. */
export function ownSentences(record: RunRecord, known: Known, origin: Origin): string[] {
  if (origin.kind !== 'link' && origin.kind !== 'imported') return []
  try {
    return checkJudging(record, known, origin.kind === 'link' ? 'The link' : origin.name).map(
      ({ sentence }) => sentence,
    )
  } catch (thrown) {
    // What the page knows may have been loaded after the record was opened.
    if (thrown instanceof SpqrError) return [thrown.message]
    throw thrown
  }
}
