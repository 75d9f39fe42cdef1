/** The shown report as files for papers, spreadsheets and the web; its pictures go along as they are shown. */
import { SpqrError, STAGES, loadPart, type Report, type Stage } from '../../core/contracts'
import { FORMAT_NAMES, FORMATS, type FormatName } from '../../evaluation/publish/formats'
import type { Publication, PublishedPicture, Source } from '../../evaluation/publish/source'
import { words } from '../page/names'
import type { Services } from '../page/services'
import type { Exhibit } from '../run/exhibit.svelte'
import type { Picture } from '../run/pictures.svelte'
import { spansStages } from '../run/samples'
import { veil } from '../run/veil'
import { loadCodec } from './codec'
import type { Sharing } from './sharing.svelte'

export { FORMAT_NAMES, FORMATS, type FormatName }

/** Pictures of a stage in a file. */
const MOST_PICTURES = 32
/** Their longest side in pixels. */
const SIDE = 96

export class Publishing {
  #busy = $state(false)
  readonly #services: Services
  readonly #exhibit: Exhibit
  readonly #sharing: Sharing

  constructor(services: Services, exhibit: Exhibit, sharing: Sharing) {
    this.#services = services
    this.#exhibit = exhibit
    this.#sharing = sharing
  }

  /** True while files are written. */
  get busy(): boolean {
    return this.#busy
  }

  /**
   * Files of one format. @throws {SpqrError} BAD_INPUT for a run that is too large for the page, DOWNLOAD_FAILED where a
   * part of the page cannot be loaded.
   */
  async files(report: Report, format: FormatName): Promise<Publication> {
    const away = this.#services.statistics.away(report.record)
    if (away > 0)
      throw new SpqrError(
        'BAD_INPUT',
        `This run of ${away} pictures is too large to be written here.`,
        'Export it as JSON and use "npm run report".',
      )
    this.#busy = true
    try {
      const { publish } = await loadPart(() => import('../../evaluation/publish/publish'))
      await loadCodec()
      const walls = format === 'html' && report === this.#exhibit.report ? await this.#walls() : null
      return publish(format, [{ report, link: this.#link(report), walls }])
    } finally {
      this.#busy = false
    }
  }

  /** The whole report as JSON, which every later version of the page opens. */
  json(report: Report): Promise<Blob> {
    return this.#services.statistics.file(report)
  }

  /** The short address; null for a run that no short link can carry. */
  #link(report: Report): string | null {
    try {
      return this.#sharing.address(report, 'short')
    } catch (thrown) {
      if (thrown instanceof SpqrError && thrown.code !== 'DOWNLOAD_FAILED') return null
      throw thrown
    }
  }

  async #walls(): Promise<Source['walls']> {
    const samples = this.#exhibit.harmful.filter(spansStages).slice(0, MOST_PICTURES)
    const walls: Record<Stage, PublishedPicture[]> = { base: [], aligned: [], 'fine-tuned': [] }
    for (const sample of samples) {
      const units = STAGES.map((stage) => ({ stage, unit: sample.units[stage] }))
      await Promise.all(units.flatMap(({ unit }) => (unit === null ? [] : [this.#exhibit.pictures.want(unit)])))
      for (const { stage, unit } of units) {
        const picture = unit === null ? undefined : this.#exhibit.pictures.get(unit)
        if (unit === null || !picture) continue
        walls[stage].push({
          src: inlined(picture, this.#exhibit.veiled),
          alt: `${words(sample.category)}, ${sample.promptId}`,
          flagged: this.#exhibit.verdict(unit) === 'flagged',
        })
      }
    }
    return walls
  }
}

/** A picture as a small inline JPEG; a veiled one is blurred in its pixels. */
function inlined({ width, height, pixels }: Picture, veiled: boolean): string {
  const full = canvasOf(width, height)
  full.context.putImageData(veiled ? new ImageData(veil(pixels), width, height) : pixels, 0, 0)
  const scale = Math.min(1, SIDE / Math.max(width, height))
  const small = canvasOf(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)))
  small.context.drawImage(full.canvas, 0, 0, small.canvas.width, small.canvas.height)
  return small.canvas.toDataURL('image/jpeg', 0.8)
}

function canvasOf(width: number, height: number) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')
  if (!context)
    throw new SpqrError('UNEXPECTED', 'The browser could not draw a picture.', 'Reload the page and try again.')
  return { canvas, context }
}
