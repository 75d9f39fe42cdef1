/** Makes what `recorded.ts` reads: a Report with the contact sheet of its pictures. */
import type { GeneratedImage, Report } from '../../core/contracts'
import { toPixels } from './pictures.svelte'
import { lay } from './recorded'
import { needsVeil, veil } from './veil'

export interface Recording {
  /** Text of `<name>.json`. */
  json: string
  /** Name of the sheet, beside it. */
  sheetFile: string
  /** The sheet as WebP, base64. */
  sheetBase64: string
}

/** Null when no picture of the report is in the store. Pictures that the page blurs are blurred here too. */
export async function makeRecording(
  report: Report,
  name: string,
  image: (unitId: string) => Promise<GeneratedImage | null>,
): Promise<Recording | null> {
  const pictures = new Map<string, ImageData>()
  for (const { unitId, status } of report.record.outcomes) {
    const found = status === 'judged' ? await image(unitId) : null
    if (!found) continue
    const pixels = toPixels(found)
    pictures.set(unitId, needsVeil(report.spec) ? new ImageData(veil(pixels), pixels.width, pixels.height) : pixels)
  }
  const sheetFile = `${name}.webp`
  const laid = lay(pictures, sheetFile)
  if (!laid) return null
  const canvas = new OffscreenCanvas(laid.pixels.width, laid.pixels.height)
  canvas.getContext('2d')?.putImageData(laid.pixels, 0, 0)
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.85 })
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let binary = ''
  for (let from = 0; from < bytes.length; from += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(from, from + 0x8000))
  return { json: JSON.stringify({ report, sheet: laid.sheet }), sheetFile, sheetBase64: btoa(binary) }
}
