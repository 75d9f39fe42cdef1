/** Whether all that an engine would read of a pack is in this browser, so that nothing of it travels. */
import type { ModelVariant } from '../core/contracts'
import { filesOf, filesOfJudges, filesOfOpening, type Described } from '../runtime/ahead'
import { ChunkCache, type KeyValue } from '../runtime/storage/cache'

/**
 * Looks for the files that opening the pack, preparing a variant and loading its judges read, those of a judge that chooses
 * among pictures as well. A model in another form than the pack's own, or a judge of elsewhere, counts as missing.
 * @param store that of pack files
 */
export async function isStored(
  store: KeyValue,
  pack: Described,
  variant: ModelVariant,
  judgeIds: readonly string[],
): Promise<boolean> {
  const { model, judges } = pack.manifest
  const { alignment } = variant
  const asked = [...judgeIds]
  if (alignment?.kind === 'inference' && alignment.guidedBy !== undefined) asked.push(alignment.guidedBy)
  const known = asked.every((id) => judges.some((judge) => judge.id === id))
  const own = [model.textEncoder, model.unet, model.vaeDecoder].every((part) => 'graph' in part)
  if (!known || !own) return false
  const { safety, others } = filesOfJudges(pack, asked)
  const files = [...filesOfOpening(pack), ...filesOf(pack, variant), ...safety, ...others]
  return new ChunkCache(store, () => undefined).stored(files)
}
