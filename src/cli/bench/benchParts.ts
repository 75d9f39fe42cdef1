/** Parts of the bench that are measured alone. */
import { SpqrError, type Component, type PackManifest } from '../../core/contracts'
import type { OpenBrowser } from '../page'
import { adapterLines, benchAdapters } from './benchAdapters'
import { againstLines, benchAgainst } from './benchAgainst'
import { benchFirst, firstLines } from './benchFirst'

/** Their options, such as `--first`. */
export const PARTS = ['first', 'steps', 'against'] as const
type Part = (typeof PARTS)[number]

interface PartOptions {
  out: string | undefined
  given: Record<string, string>
  threads: number
  packPath: string
  folder: string
  manifest: PackManifest
}

/** One part of the bench alone; its file and its lines. */
export async function onlyPart(
  only: Part,
  browser: OpenBrowser,
  url: string,
  options: PartOptions,
): Promise<[object, string[]]> {
  const { given, threads, packPath, folder, manifest } = options
  if (only === 'steps') {
    const steps = await benchAdapters(browser, url, { ...given, threads: String(threads) })
    return [{ steps }, [...adapterLines(steps), `Written to ${options.out}.`]]
  }
  if (only === 'against') {
    const { model } = manifest
    const against = await benchAgainst(browser, url, { packPath, folder, model, unet: ownUnet(manifest), threads })
    return [{ against }, againstLines(against)]
  }
  const first = await benchFirst(browser.context.browser(), url)
  return [{ first }, firstLines(first)]
}

/** The pack's U-Net. @throws {SpqrError} BAD_INPUT for a published model */
export function ownUnet({ model: { unet } }: PackManifest): Component {
  if ('graph' in unet) return unet
  throw new SpqrError(
    'BAD_INPUT',
    'The benchmark measures packs, and this is a published model.',
    'Choose a pack under public/packs.',
  )
}
