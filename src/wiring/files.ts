/** Files of the page's own origin. */
import type { Services } from '../state/page/services'

/** @param base address of the page, ending in a slash; `leaderboards`: packs that have one in this build */
export function fileServices(
  base: URL,
  leaderboards: readonly string[],
): Pick<Services, 'readJson' | 'readText' | 'readPicture' | 'leaderboard'> {
  const readJson = async (path: string): Promise<unknown> => {
    try {
      const response = await fetch(new URL(path, base))
      return response.ok && response.headers.get('content-type')?.includes('json') ? await response.json() : null
    } catch {
      // Offline before anything was cached, or not JSON: there is nothing to show.
      return null
    }
  }
  return {
    readJson,
    readText: async (path) => {
      const response = await fetch(new URL(path, base)).catch(() => null)
      return response?.ok ? response.text() : null
    },
    leaderboard: async (pack) => (leaderboards.includes(pack) ? readJson(`packs/${pack}/leaderboard.json`) : null),
    async readPicture(path) {
      const response = await fetch(new URL(path, base)).catch(() => null)
      if (!response?.ok) return null
      const bitmap = await createImageBitmap(await response.blob()).catch(() => null)
      const context = bitmap && new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
      if (!bitmap || !context) return null
      context.drawImage(bitmap, 0, 0)
      return context.getImageData(0, 0, bitmap.width, bitmap.height)
    },
  }
}
