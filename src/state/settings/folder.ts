/** A folder of captioned pictures: `cat.png` with `cat.txt`, or a `metadata.jsonl` of {file_name, text}, as diffusers reads it. */
import * as v from 'valibot'
import { SpqrError } from '../../core/contracts'

export interface CaptionedPicture {
  file: string
  caption: string | null
  width: number
  height: number
  rgb: Uint8Array<ArrayBuffer>
}

const PICTURE = /\.(png|jpe?g|webp|gif|bmp)$/i
/** More would not fit beside the model in memory, and no benign fine-tune here needs it. */
const MAX_PICTURES = 5000
const LineSchema = v.looseObject({ file_name: v.string(), text: v.string() })

/** Captions by file name, from text files beside the pictures and from metadata.jsonl. */
export async function captionsOf(
  files: readonly { name: string; text(): Promise<string> }[],
): Promise<Map<string, string>> {
  const captions = new Map<string, string>()
  for (const file of files) {
    if (file.name === 'metadata.jsonl') {
      for (const line of (await file.text()).split('\n').filter((text) => text.trim() !== ''))
        captionLine(line, captions)
    } else if (/\.txt$/i.test(file.name)) {
      captions.set(file.name.replace(/\.txt$/i, ''), (await file.text()).trim())
    }
  }
  return captions
}

function captionLine(line: string, captions: Map<string, string>): void {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    throw new SpqrError(
      'DATASET_INVALID',
      `metadata.jsonl has a line that is no JSON: "${line.slice(0, 60)}".`,
      'Write one {"file_name": …, "text": …} per line.',
    )
  }
  const parsed = v.safeParse(LineSchema, json)
  if (!parsed.success)
    throw new SpqrError(
      'DATASET_INVALID',
      `metadata.jsonl has a line without file_name and text: "${line.slice(0, 60)}".`,
      'Write one {"file_name": …, "text": …} per line.',
    )
  captions.set(parsed.output.file_name, parsed.output.text)
}

/** Decodes the pictures at the model's size. A picture without caption keeps null, which the trainer refuses by name. */
export async function readFolder(
  files: readonly File[],
  size: { width: number; height: number },
): Promise<{ name: string; pictures: CaptionedPicture[] }> {
  const chosen = files.filter(({ name }) => PICTURE.test(name))
  if (chosen.length === 0)
    throw new SpqrError(
      'DATASET_INVALID',
      'The folder holds no pictures.',
      'Choose a folder of PNG, JPEG or WebP pictures with a text file of the same name beside each.',
    )
  if (chosen.length > MAX_PICTURES)
    throw new SpqrError(
      'DATASET_INVALID',
      `The folder holds ${chosen.length} pictures; at most ${MAX_PICTURES} are read.`,
      'Choose a smaller folder.',
    )
  const captions = await captionsOf(files)
  const canvas = new OffscreenCanvas(size.width, size.height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) throw new SpqrError('UNEXPECTED', 'This browser cannot decode pictures here.', 'Reload the page.')
  const pictures: CaptionedPicture[] = []
  for (const file of chosen) {
    const bitmap = await createImageBitmap(file, {
      resizeWidth: size.width,
      resizeHeight: size.height,
      resizeQuality: 'high',
    }).catch(() => null)
    if (!bitmap)
      throw new SpqrError(
        'DATASET_INVALID',
        `The picture "${file.name}" cannot be read.`,
        'Remove it or save it again as PNG.',
      )
    // Transparent pictures lie on white, as the model's own drawings do.
    context.fillStyle = '#fff'
    context.fillRect(0, 0, size.width, size.height)
    context.drawImage(bitmap, 0, 0)
    bitmap.close()
    pictures.push({
      file: file.name,
      caption: captions.get(file.name) ?? captions.get(file.name.replace(PICTURE, '')) ?? null,
      ...size,
      rgb: withoutAlpha(context.getImageData(0, 0, size.width, size.height).data),
    })
  }
  const folder = chosen[0]?.webkitRelativePath.split('/')[0]
  return { name: folder ? folder : 'own pictures', pictures }
}

/** Pictures of a folder at their own size, one at a time; files that are none are passed over. */
export async function* picturesOf(files: readonly File[]): AsyncGenerator<Omit<CaptionedPicture, 'caption'>> {
  for (const file of files) {
    if (!PICTURE.test(file.name)) continue
    const bitmap = await createImageBitmap(file).catch(() => null)
    if (!bitmap)
      throw new SpqrError(
        'DATASET_INVALID',
        `The picture "${file.name}" cannot be read.`,
        'Remove it or save it again as PNG.',
      )
    const { width, height } = bitmap
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
    if (!context) throw new SpqrError('UNEXPECTED', 'This browser cannot decode pictures here.', 'Reload the page.')
    context.fillStyle = '#fff'
    context.fillRect(0, 0, width, height)
    context.drawImage(bitmap, 0, 0)
    bitmap.close()
    yield { file: file.name, width, height, rgb: withoutAlpha(context.getImageData(0, 0, width, height).data) }
  }
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] ?? 0
    rgb[to + 1] = rgba[from + 1] ?? 0
    rgb[to + 2] = rgba[from + 2] ?? 0
  }
  return rgb
}
