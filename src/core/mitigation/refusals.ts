/** What a mitigation cannot be combined with: one sentence each. */
import { SpqrError } from '../contracts/errors'
import type { LiveFineTune } from '../contracts/fineTune'
import type { AlignmentSpec } from '../contracts/run'
import { mitigationMethod } from '../methods'

/** Whether an alignment changes weights; guidance does not, and fine-tuning then happens beneath it anyway. */
export const changesWeights = (alignment: AlignmentSpec | null): boolean =>
  alignment !== null && alignment.kind !== 'inference'

/** @throws SpqrError BAD_INPUT naming the two settings that do not go together */
export function assertMitigable(
  { mitigation, beneath, batchSize }: LiveFineTune,
  alignment: AlignmentSpec | null,
): void {
  if (!mitigation) return
  const { name, needsAlignment } = mitigationMethod(mitigation.method)
  if (needsAlignment && !changesWeights(alignment))
    throw new SpqrError(
      'BAD_INPUT',
      `${name} works with what an alignment changed in the weights, and this run has none that changes any.`,
      'Choose an alignment that changes weights, or another mitigation.',
    )
  const { method, anchors = 0 } = mitigation
  const replaces = method === 'safe-replay' || method === 'early-anchors'
  if (replaces && anchors > 0 && anchors >= batchSize)
    throw new SpqrError(
      'BAD_INPUT',
      `${anchors} anchors of a batch of ${batchSize} pictures would leave none to learn from.`,
      'Choose fewer anchors or a larger batch.',
    )
  if (needsAlignment && beneath)
    throw new SpqrError(
      'BAD_INPUT',
      `${name} works with the aligned model, but with "beneath" base the base model is trained.`,
      'Leave "beneath" at aligned, or choose another mitigation.',
    )
}
