/** Reference features for FID: the user's own, kept in this browser, and those of the pack that the page began with. */
import { loadPart, type FeatureJudge, type PackManifest } from '../core/contracts'
import { digestHex } from '../runtime/events'
import { idbKeyValue, PACK_DATABASE, type KeyValue } from '../runtime/storage/cache'
import type { Services } from '../state/page/services'

export interface ReferenceParts {
  /** Address of the page, ending in a slash. */
  base: URL
  /** The pack that the page began with; its manifest is null until it has been read. */
  pagePack(): { name: string; manifest: PackManifest | null }
  store?: KeyValue
}

async function storedIn(store: KeyValue, sha256: string): Promise<Float32Array | null> {
  const bytes = await store.get(sha256).catch(() => undefined)
  if (!(bytes instanceof Uint8Array)) return null
  const whole = bytes.slice()
  // One that was damaged counts as gone: it is asked for again, and no score comes from it.
  return (await digestHex(whole)) === sha256 ? new Float32Array(whole.buffer) : null
}

/** The two services about references, over one memory of the user's own. */
export function referenceServices({
  base,
  pagePack,
  store = idbKeyValue('spqr-references'),
}: ReferenceParts): Pick<Services, 'keepReference' | 'reference'> {
  /** By SHA-256 of their features. */
  const own = new Map<string, Float32Array>()
  return {
    async keepReference(features) {
      const bytes = new Uint8Array(features.slice().buffer)
      const sha256 = await digestHex(bytes)
      own.set(sha256, features)
      // Kept for later visits; a full disk must not stop this one.
      await store.set(sha256, bytes).catch(() => undefined)
      return sha256
    },
    async reference(facts) {
      if (!facts.reference) return null
      const { sha256 } = facts.reference
      const kept = own.get(sha256) ?? (await storedIn(store, sha256))
      if (kept) return kept
      const { name, manifest } = pagePack()
      const judge = manifest?.judges.find(
        (one): one is FeatureJudge => one.kind === 'features' && one.reference?.sha256 === sha256,
      )
      if (!judge) return null
      const baseUrl = new URL(`packs/${name}/`, base).href
      const [{ readReference }, { PackFiles }] = await loadPart(() =>
        Promise.all([import('../runtime/judges/reference'), import('../runtime/storage/files')]),
      )
      return readReference(
        new PackFiles({ baseUrl, store: idbKeyValue(PACK_DATABASE), onEvent: () => undefined }),
        judge,
      )
    },
  }
}
