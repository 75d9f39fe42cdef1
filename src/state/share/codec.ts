/** What reads and writes links comes behind the button: a first visit needs none of it. */
import { SpqrError, loadPart } from '../../core/contracts'

const load = () => import('./links')
type LinkCodec = Awaited<ReturnType<typeof load>>

let loaded: LinkCodec | null = null

/** Throws DOWNLOAD_FAILED where it cannot be loaded. */
export async function loadCodec(): Promise<LinkCodec> {
  loaded ??= await loadPart(load)
  return loaded
}

/** What `loadCodec` has loaded. @throws {SpqrError} DOWNLOAD_FAILED before that; it is then loaded for the next time */
export function linkCodec(): LinkCodec {
  if (loaded) return loaded
  void loadCodec().catch(() => undefined)
  throw new SpqrError(
    'DOWNLOAD_FAILED',
    'The part of the page that makes links is not loaded yet.',
    'Try again in a moment.',
  )
}
