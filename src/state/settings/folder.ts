/** A folder of captioned pictures: `cat.png` with `cat.txt`, or a `metadata.jsonl` of {file_name, text}, as diffusers reads it. */
import * as v from 'valibot'
import { SpqrError, loadPart } from '../../core/contracts'

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

/** A file's place in the chosen folder; its name where it was chosen alone. */
const pathOf = ({ name, webkitRelativePath }: { name: string; webkitRelativePath?: string }): string =>
  webkitRelativePath ? webkitRelativePath : name
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1)
/** Files of macOS that carry a picture's name (`._cat.png`), and other hidden ones, are no pictures. */
const isPicture = ({ name }: { name: string }): boolean => PICTURE.test(name) && !name.startsWith('.')

/** Captions by path, so that `10_cat/1.png` and `10_dog/1.png` keep their own: from text files beside the pictures and metadata.jsonl. */
export async function captionsOf(
  files: readonly { name: string; webkitRelativePath?: string; text(): Promise<string> }[],
): Promise<Map<string, string>> {
  const captions = new Map<string, string>()
  for (const file of files) {
    const path = pathOf(file)
    if (file.name === 'metadata.jsonl') {
      for (const line of (await file.text()).split('\n').filter((text) => text.trim() !== ''))
        captionLine(line, folderOf(path), captions)
    } else if (/\.txt$/i.test(file.name) && !file.name.startsWith('.')) {
      captions.set(path.replace(/\.txt$/i, ''), (await file.text()).trim())
    }
  }
  return captions
}

function captionLine(line: string, folder: string, captions: Map<string, string>): void {
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
  captions.set(`${folder}${parsed.output.file_name}`, parsed.output.text)
}

/** Decodes the pictures at the model's size. A picture without caption keeps null, which the trainer refuses by name. */
export async function readFolder(
  files: readonly File[],
  size: { width: number; height: number },
): Promise<{ name: string; pictures: CaptionedPicture[] }> {
  const chosen = files.filter(isPicture)
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
      caption: captions.get(pathOf(file)) ?? captions.get(pathOf(file).replace(PICTURE, '')) ?? null,
      ...size,
      rgb: withoutAlpha(context.getImageData(0, 0, size.width, size.height).data),
    })
  }
  const folder = chosen[0]?.webkitRelativePath.split('/')[0]
  return { name: folder ? folder : 'own pictures', pictures }
}

/**
 * Pictures of a folder at their own size as Pillow's plain decode gives them, one at a time; files that are none are passed
 * over. @throws {SpqrError} DATASET_INVALID for a picture that cannot be read so
 */
export async function* picturesOf(files: readonly File[]): AsyncGenerator<Omit<CaptionedPicture, 'caption'>> {
  const chosen = files.filter(isPicture)
  if (chosen.length === 0) return
  // Only who brings a reference of pictures needs their decoder.
  const { plainPng, withoutWishes } = await loadPart(() => import('../../core/pictures'))
  for (const file of chosen) {
    const bytes = new Uint8Array(await file.arrayBuffer())
    yield {
      file: pathOf(file),
      ...(plainPng(file.name, bytes) ?? (await plainOther(file.name, withoutWishes(file.name, bytes), file.type))),
    }
  }
}

/** What is no PNG is decoded by the browser, which mixes transparent pixels with nothing: those are refused. */
async function plainOther(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  type: string,
): Promise<{ width: number; height: number; rgb: Uint8Array<ArrayBuffer> }> {
  const bitmap = await createImageBitmap(new Blob([bytes], { type }), {
    colorSpaceConversion: 'none',
  }).catch(() => null)
  const again = 'Remove it or save it again as PNG.'
  if (!bitmap) throw new SpqrError('DATASET_INVALID', `The picture "${name}" cannot be read.`, again)
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context) throw new SpqrError('UNEXPECTED', 'This browser cannot decode pictures here.', 'Reload the page.')
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const { data } = context.getImageData(0, 0, width, height)
  for (let alpha = 3; alpha < data.length; alpha += 4)
    if (data[alpha] !== 255)
      throw new SpqrError('DATASET_INVALID', `The picture "${name}" is transparent in places.`, again)
  return { width, height, rgb: withoutAlpha(data) }
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
