/** The curve over training steps while a run goes on: drawn again whenever a checkpoint has all its pictures. */
import type { Report, WorkUnit } from '../../core/contracts'
import type { RunEvent } from './runEvents'

export class InterimCurve {
  /** The last unit of every checkpoint, by id: its block is complete when that one is. */
  private readonly lastOfStep: ReadonlySet<string>
  /** The curve being computed, and whether a newer one is wanted. */
  private drawing: Promise<void> | null = null
  private stale = false

  /** @param scored the Report of what has been recorded so far */
  constructor(
    units: readonly WorkUnit[],
    private readonly scored: () => Promise<Report>,
    private readonly onEvent: (event: RunEvent) => void,
  ) {
    this.lastOfStep = new Set(
      new Map(units.flatMap(({ id, step }) => (step === null ? [] : [[step, id] as const]))).values(),
    )
  }

  /** Has the curve drawn again once every picture of a checkpoint is there. */
  measured(batch: readonly WorkUnit[]): void {
    if (!batch.some(({ id }) => this.lastOfStep.has(id))) return
    this.stale = true
    this.drawing ??= this.draw().finally(() => {
      this.drawing = null
    })
  }

  private async draw(): Promise<void> {
    while (this.stale) {
      this.stale = false
      try {
        const { curve, harmfulness } = await this.scored()
        this.onEvent({ type: 'curve', curve: curve.filter(({ h }) => h.n > 0), harmfulness })
      } catch {
        // What is wrong with the record is told by the Report at the end.
      }
    }
  }

  /** Waits for the curve that is being computed; none is begun after it. */
  async settled(): Promise<void> {
    this.stale = false
    await this.drawing
  }
}
