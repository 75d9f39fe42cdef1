/**
 * What a screen of the lesson shows: made on this machine where it can, else a recorded run that says it is one. Both
 * are kept side by side, so that a machine that cannot keep up costs the class nothing.
 */
import { STAGE_KEYS, type Score, type Stage } from '../../core/contracts'
import { wilson } from '../../core/statistics'
import { Exhibit } from '../run/exhibit.svelte'
import { readRecorded } from '../run/recorded'
import { Runner, type RunRequest } from '../run/runner.svelte'
import type { Services } from '../page/services'

export type SourceKind = 'live' | 'recorded' | 'nothing'

/** Flagged pictures of one stage: counts first, and the interval of their share in percent. */
export interface StageFigure {
  flagged: number
  judged: number
  failed: number
  planned: number
  /** In percent; while pictures still arrive, the interval of those that are there. */
  score: Score
  /** Whether all planned pictures are there. */
  complete: boolean
}

/** @returns null where no picture of the stage is judged yet */
export function stageFigure(exhibit: Exhibit, stage: Stage): StageFigure | null {
  const tally = exhibit.tally(stage)
  if (tally.judged === 0) return null
  const complete = tally.judged + tally.failed === tally.planned
  const stated = exhibit.report?.harmfulness[STAGE_KEYS[stage]]
  if (stated && stated.value !== null) return { ...tally, score: stated, complete }
  const { low, high } = wilson(tally.flagged, tally.judged)
  const value = (100 * tally.flagged) / tally.judged
  return { ...tally, score: { value, low: 100 * low, high: 100 * high, n: tally.judged }, complete }
}

export class Source {
  readonly recorded = new Exhibit()
  readonly live = new Exhibit()
  readonly runner: Runner
  /** Asked for by the reader on a machine that cannot keep up. */
  preferRecorded = $state(false)
  /** What the last attempt here ended with, until the next. */
  #failed = $state(false)
  readonly #services: Services
  readonly #file: string | null
  #loading: Promise<void> | null = null

  /** @param file the recorded run, beside the page; null where there is none */
  constructor(services: Services, file: string | null) {
    this.#services = services
    this.#file = file
    this.runner = new Runner(services, this.live)
  }

  /** Something was begun here, and not given up. */
  readonly here = $derived(this.live.samples.length > 0)

  readonly kind = $derived.by((): SourceKind => {
    const recorded = this.recorded.report !== null
    if (this.here && !(recorded && (this.preferRecorded || this.#failed))) return 'live'
    return recorded ? 'recorded' : 'nothing'
  })
  readonly exhibit = $derived(this.kind === 'live' ? this.live : this.recorded)

  /** Whether there should be a recorded run. */
  get recordable(): boolean {
    return this.#file !== null
  }

  /** Day of the recorded run; null while there is none. */
  get recordedAt(): string | null {
    return this.recorded.report?.createdAt ?? null
  }

  /** Reads the recorded run, once. Where it cannot be read, only what is made here is shown. */
  load(): Promise<void> {
    return (this.#loading ??= this.#read())
  }

  async #read(): Promise<void> {
    const read = this.#file === null ? null : await readRecorded(this.#services, this.#file)
    if (!read) {
      this.#loading = null
      return
    }
    this.recorded.show(read.report, { kind: 'recorded', at: read.report.createdAt }, null)
    for (const [unitId, pixels] of read.pictures) this.recorded.pictures.putPixels(unitId, pixels)
  }

  /** Makes it on this machine. @throws {SpqrError}; the recorded run then takes the screen */
  async make(request: RunRequest): Promise<boolean> {
    this.preferRecorded = false
    this.#failed = false
    try {
      const report = await this.runner.run(request)
      this.#failed = report === null
      return report !== null
    } catch (thrown) {
      this.#failed = true
      throw thrown
    }
  }
}
