/** What a run is doing right now, in words and counts. */
import type { EngineEvent } from '../core/contracts'
import type { RunEvent, RunProgress } from '../evaluation/run'
import { bytes } from './format'
import { STAGE_NAMES } from './names'

export interface Loss { step: number; loss: number }

export class Progress {
  #progress = $state.raw<RunProgress | null>(null)
  #doing = $state('')
  #download = $state.raw<{ file: string; loaded: number; total: number } | null>(null)
  #training = $state.raw<{ step: number; steps: number; loss: number } | null>(null)
  #warnings = $state.raw<readonly string[]>([])
  #losses = $state.raw<readonly Loss[]>([])
  /** Pictures are being made: then training goes on in the background and does not say what is done. */
  #drawing = false

  readonly done = $derived(this.#progress?.done ?? 0)
  readonly planned = $derived(this.#progress?.planned ?? 0)
  readonly share = $derived(this.planned === 0 ? 0 : this.done / this.planned)

  get counts(): RunProgress | null { return this.#progress }
  get doing(): string { return this.#doing }
  get download(): { file: string; loaded: number; total: number } | null { return this.#download }
  get training(): { step: number; steps: number; loss: number } | null { return this.#training }
  get warnings(): readonly string[] { return this.#warnings }
  /** Loss of every step taken in this visit. */
  get losses(): readonly Loss[] { return this.#losses }

  begin(): void {
    this.#progress = null
    this.#doing = 'Opening the model'
    this.#download = null
    this.#training = null
    this.#warnings = []
    this.#losses = []
    this.#drawing = false
  }

  engine(event: EngineEvent): void {
    if (event.type === 'download') {
      this.#download = event.loaded >= event.total ? null : event
      this.#doing = event.fromCache ? 'Loading the model from this browser' : `Downloading ${event.file} (${bytes(event.loaded)} of ${bytes(event.total)})`
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
    }
    else if (event.type === 'training') {
      this.#training = event
      this.#losses = [...this.#losses, { step: event.step, loss: event.loss }]
      if (!this.#drawing) this.#doing = `Fine-tuning: step ${event.step} of ${event.steps}`
    } else if (event.type === 'warning') this.warn(event.message)
  }

  private warn(message: string): void {
    if (!this.#warnings.includes(message)) this.#warnings = [...this.#warnings, message]
  }
}

const PHASES: Record<Extract<EngineEvent, { type: 'phase' }>['phase'], string> = {
  manifest: 'Reading the description of the model',
  download: 'Fetching the weights',
  verify: 'Checking the weights against their hashes',
  merge: 'Changing the weights',
  session: 'Starting the networks',
  align: 'Computing the alignment',
  ready: 'Ready',
}

function phaseText(event: Extract<RunEvent, { type: 'phase' }>): string {
  const stage = event.stage ? STAGE_NAMES[event.stage].toLowerCase() : ''
  switch (event.phase) {
    case 'prepare': return `Loading the ${stage} model`
    case 'train': return 'Fine-tuning on harmless pictures'
    case 'generate': return `Making and judging pictures: ${stage} model`
    case 'score': return 'Scoring'
  }
}
