/** Whether all that an engine would read of a pack is in this browser, so that nothing of it travels. */
import * as v from 'valibot'
import type { ModelVariant, PackFile } from '../core/contracts'
import { filesOf, filesOfJudges, filesOfOpening, type Described } from '../runtime/ahead'
import { CHUNK_BYTES, type KeyValue } from '../runtime/storage/cache'

/**
 * Looks for the files that opening the pack, preparing a variant and loading its judges read, those of a judge that chooses
 * among pictures as well. A model in another form than the pack's own, or a judge of elsewhere, counts as missing.
 * @param store that of pack files
 */
export async function isStored(
  store: Pick<KeyValue, 'get'>,
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
  return (await Promise.all(files.map((file) => isWhole(store, file)))).every(Boolean)
}

async function isWhole(store: Pick<KeyValue, 'get'>, { sha256, bytes }: PackFile): Promise<boolean> {
  const whole = { verified: v.literal(true), bytes: v.literal(bytes), chunkBytes: v.literal(CHUNK_BYTES) }
  return v.is(v.looseObject(whole), await store.get(`${sha256}/index`))
}
