/** What a run is doing right now, in words and counts. */
import type { EngineEvent } from '../../core/contracts'
import type { RunEvent, RunProgress } from '../../evaluation/run/run'
import { bytes } from '../page/format'
import { STAGE_NAMES } from '../page/names'

export interface Loss {
  step: number
  loss: number
}

/** A file on its way; `bytesPerSecond` null before there is a figure. */
export interface Download {
  file: string
  loaded: number
  total: number
  fromCache: boolean
  bytesPerSecond: number | null
}

/** "unet/model.onnx_data, 12 MB of 1.0 GB, 9.8 MB/s" */
export function downloadLine({ file, loaded, total, bytesPerSecond }: Download): string {
  return bytesPerSecond === null
    ? `${file}, ${bytes(loaded)} of ${bytes(total)}`
    : `${file}, ${bytes(loaded)} of ${bytes(total)}, ${bytes(bytesPerSecond)}/s`
}

export class Progress {
  #progress = $state.raw<RunProgress | null>(null)
  #doing = $state('')
  #downloads = $state.raw<readonly Download[]>([])
  #training = $state.raw<{ step: number; steps: number; loss: number } | null>(null)
  #warnings = $state.raw<readonly string[]>([])
  #losses = $state.raw<readonly Loss[]>([])
  /** Pictures are being made: then training goes on in the background and does not say what is done. */
  #drawing = false

  readonly done = $derived(this.#progress?.done ?? 0)
  readonly planned = $derived(this.#progress?.planned ?? 0)
  readonly share = $derived(this.planned === 0 ? 0 : this.done / this.planned)

  get counts(): RunProgress | null {
    return this.#progress
  }
  get doing(): string {
    return this.#doing
  }
  /** Files on their way, several at a time. */
  get downloads(): readonly Download[] {
    return this.#downloads
  }
  /** Share of the bytes of `downloads` that is here; null when nothing is on its way. */
  readonly downloaded = $derived(
    this.#downloads.length === 0 ? null : sum(this.#downloads, 'loaded') / Math.max(1, sum(this.#downloads, 'total')),
  )
  get training(): { step: number; steps: number; loss: number } | null {
    return this.#training
  }
  get warnings(): readonly string[] {
    return this.#warnings
  }
  /** Loss of every step taken in this visit. */
  get losses(): readonly Loss[] {
    return this.#losses
  }

  begin(): void {
    this.#progress = null
    this.#doing = 'Opening the model'
    this.#downloads = []
    this.#training = null
    this.#warnings = []
    this.#losses = []
    this.#drawing = false
  }

  engine(event: EngineEvent): void {
    if (event.type === 'download') {
      this.#take({ ...event, bytesPerSecond: event.bytesPerSecond ?? null })
      this.#doing = event.fromCache
        ? 'Loading the model from this browser'
        : `Downloading ${downloadLine(this.#downloads.find((one) => !one.fromCache) ?? { ...event, bytesPerSecond: event.bytesPerSecond ?? null })}`
    } else if (event.type === 'phase') {
      this.#doing = PHASES[event.phase]
    } else {
      this.warn(event.message)
    }
  }

  run(event: RunEvent): void {
    if ('progress' in event) this.#progress = event.progress
    if (event.type === 'engine') this.engine(event.event)
    else if (event.type === 'phase') {
      this.#drawing = event.phase !== 'train'
      this.#doing = phaseText(event)
    } else if (event.type === 'training') {
      this.#training = event
      this.#losses = [...this.#losses, { step: event.step, loss: event.loss }]
      if (!this.#drawing) this.#doing = `Fine-tuning: step ${event.step} of ${event.steps}`
    } else if (event.type === 'warning') this.warn(event.message)
  }

  /** Files keep their order; one that is whole leaves. */
  #take(download: Download): void {
    const known = this.#downloads.some(({ file }) => file === download.file)
    const rest = known
      ? this.#downloads.map((one) => (one.file === download.file ? download : one))
      : [...this.#downloads, download]
    this.#downloads = rest.filter(({ loaded, total }) => loaded < total)
  }

  private warn(message: string): void {
    if (!this.#warnings.includes(message)) this.#warnings = [...this.#warnings, message]
  }
}

const sum = (downloads: readonly Download[], field: 'loaded' | 'total'): number =>
  downloads.reduce((all, one) => all + one[field], 0)

const PHASES: Record<Extract<EngineEvent, { type: 'phase' }>['phase'], string> = {
  manifest: 'Reading the description of the model',
  download: 'Fetching the weights',
  verify: 'Checking the weights against their hashes',
  merge: 'Changing the weights',
  session: 'Starting the networks',
  align: 'Computing the alignment',
  ready: 'Getting ready',
}

function phaseText(event: Extract<RunEvent, { type: 'phase' }>): string {
  const stage = event.stage ? STAGE_NAMES[event.stage].toLowerCase() : ''
  switch (event.phase) {
    case 'prepare':
      return `Loading the ${stage} model`
    case 'train':
      return 'Fine-tuning on harmless pictures'
    case 'generate':
      return `Making and judging pictures: ${stage} model`
    case 'score':
      return 'Scoring'
  }
}
