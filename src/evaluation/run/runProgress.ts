/** Counts, speed and time left of a run. */
import { STAGES, type Outcome, type Stage, type WorkUnit } from '../../core/contracts'
import type { RunProgress, StageCount } from './runEvents'

export class ProgressCounter {
  private readonly byStage: Record<Stage, StageCount>
  private images = 0
  private milliseconds = 0

  constructor(units: readonly WorkUnit[]) {
    const zero = (): StageCount => ({ planned: 0, done: 0, failed: 0 })
    this.byStage = { base: zero(), aligned: zero(), 'fine-tuned': zero() }
    for (const { stage } of units) this.byStage[stage].planned += 1
  }

  /** Counts outcomes, also those found in the store. */
  add(outcomes: readonly Outcome[]): void {
    for (const { stage, status } of outcomes) this.byStage[stage][status === 'judged' ? 'done' : 'failed'] += 1
  }

  /** Adds a batch to the speed. */
  measure(images: number, milliseconds: number): void {
    this.images += images
    this.milliseconds += milliseconds
  }

  snapshot(): RunProgress {
    const sum = (key: keyof StageCount) => STAGES.reduce((total, stage) => total + this.byStage[stage][key], 0)
    const [planned, done, failed] = [sum('planned'), sum('done'), sum('failed')]
    const imagesPerSecond = this.milliseconds > 0 && this.images > 0 ? (1000 * this.images) / this.milliseconds : null
    return {
      planned,
      done,
      failed,
      byStage: structuredCopy(this.byStage),
      imagesPerSecond,
      secondsLeft: imagesPerSecond === null ? null : (planned - done - failed) / imagesPerSecond,
    }
  }
}

function structuredCopy(counts: Record<Stage, StageCount>): Record<Stage, StageCount> {
  return { base: { ...counts.base }, aligned: { ...counts.aligned }, 'fine-tuned': { ...counts['fine-tuned'] } }
}
