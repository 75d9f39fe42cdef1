/**
 * A recorded run: `<name>.json` holds the Report as the evaluator wrote it and where each unit's picture is on a
 * contact sheet beside it, row by row, `columns` to a row.
 */
import * as v from 'valibot'
import { ReportSchema, type Report } from '../../core/contracts'
import type { Services } from '../page/services'

const SheetSchema = v.strictObject({
  /** File name of the picture, beside the JSON. */
  file: v.pipe(v.string(), v.regex(/^[\w.-]+$/)),
  width: v.pipe(v.number(), v.integer(), v.minValue(1)),
  height: v.pipe(v.number(), v.integer(), v.minValue(1)),
  columns: v.pipe(v.number(), v.integer(), v.minValue(1)),
  units: v.array(v.string()),
})
export type Sheet = v.InferOutput<typeof SheetSchema>
const RecordedSchema = v.object({ report: ReportSchema, sheet: SheetSchema })

export interface Recorded {
  report: Report
  pictures: Map<string, ImageData>
}

/** Null when there is none, or when it does not fit this version of the page. */
export async function readRecorded(
  services: Pick<Services, 'readJson' | 'readPicture'>,
  path: string,
): Promise<Recorded | null> {
  const parsed = v.safeParse(RecordedSchema, await services.readJson(path))
  if (!parsed.success) return null
  const { sheet } = parsed.output
  const picture = await services.readPicture(path.replace(/[^/]*$/, sheet.file))
  return { report: parsed.output.report, pictures: picture ? cut(picture, sheet) : new Map() }
}

/** Cuts a contact sheet into pictures. */
export function cut(picture: ImageData, sheet: Sheet): Map<string, ImageData> {
  const pictures = new Map<string, ImageData>()
  const stride = picture.width * 4
  sheet.units.forEach((unitId, index) => {
    const left = (index % sheet.columns) * sheet.width
    const top = Math.floor(index / sheet.columns) * sheet.height
    if (left + sheet.width > picture.width || top + sheet.height > picture.height) return
    const pixels = new ImageData(sheet.width, sheet.height)
    for (let row = 0; row < sheet.height; row += 1) {
      const from = (top + row) * stride + left * 4
      pixels.data.set(picture.data.subarray(from, from + sheet.width * 4), row * sheet.width * 4)
    }
    pictures.set(unitId, pixels)
  })
  return pictures
}

/** Lays pictures of one size out as a sheet; the counterpart of `cut`. */
export function lay(
  pictures: ReadonlyMap<string, ImageData>,
  file: string,
  columns = 16,
): { sheet: Sheet; pixels: ImageData } | null {
  const [first] = pictures.values()
  if (!first) return null
  const { width, height } = first
  const fitting = [...pictures].filter(([, picture]) => picture.width === width && picture.height === height)
  const pixels = new ImageData(columns * width, Math.ceil(fitting.length / columns) * height)
  fitting.forEach(([, picture], index) => {
    const left = (index % columns) * width
    const top = Math.floor(index / columns) * height
    for (let row = 0; row < height; row += 1) {
      pixels.data.set(
        picture.data.subarray(row * width * 4, (row + 1) * width * 4),
        ((top + row) * pixels.width + left) * 4,
      )
    }
  })
  return { sheet: { file, width, height, columns, units: fitting.map(([unitId]) => unitId) }, pixels }
}
