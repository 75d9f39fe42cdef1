/** Batches from prompts to results: drawn, held where their judges are still on the way, judged. */
import {
  reviveError,
  type BatchResult,
  type GeneratedImage,
  type SamplerSpec,
  type UnitResult,
  type WorkUnit,
} from '../core/contracts'
import { digestHex } from './events'
import { drawSafest } from './generator/bestOf'
import type { PipelineResult } from './generator/pipeline'
import { failedUnit, type Candidate } from './judges/judgePanel'
import { namedIn } from './judges/names'
import type { Opened } from './openEngine'

/** A picture that is not judged yet, or why there is none. */
type Drawn = { failure: UnitResult } | { picture: Omit<Candidate, 'judges'> }

export class Batches {
  /** Pictures that wait for their judges, by unit: its name says what decides the picture. */
  private readonly held = new Map<string, Drawn>()
  /** What drawing them took: it is told with the next results. */
  private owed = { milliseconds: 0, unetEvaluations: 0 }

  constructor(private readonly opened: Opened) {}

  /** Draws what is not held yet, and holds it. Returns the pictures there are. */
  async draw(units: readonly WorkUnit[], sampler: SamplerSpec, signal: AbortSignal): Promise<GeneratedImage[]> {
    const begun = performance.now()
    const { opened, held } = this
    const { pipeline } = opened.models
    const readable: WorkUnit[] = []
    for (const unit of units) {
      if (held.has(unit.id)) continue
      try {
        opened.tokenizer.encode(unit.text)
        readable.push(unit)
      } catch (thrown) {
        held.set(unit.id, { failure: failedUnit(unit.id, reviveError(thrown)) })
      }
    }
    const { pictures, unetEvaluations } = await drawn(opened, pipeline, readable, sampler, signal)
    for (const [i, unit] of readable.entries()) {
      const picture = pictures[i]!
      if (picture.status === 'broken') {
        held.set(unit.id, { failure: failedUnit(unit.id, picture.error) })
        continue
      }
      const { width, height, rgb } = picture
      const image = { unitId: unit.id, width, height, rgb, sha256: await digestHex(rgb) }
      const shown = { text: unit.text, width, height, rgb, ...namedIn(opened.pack, unit) }
      held.set(unit.id, { picture: { unitId: unit.id, picture: shown, image } })
    }
    this.owed.milliseconds += performance.now() - begun
    this.owed.unetEvaluations += unetEvaluations
    return units.flatMap(({ id }) => {
      const one = held.get(id)
      return one && 'picture' in one ? [one.picture.image] : []
    })
  }

  /** Draws what is not held yet and has all judged by the judges that are seated. */
  async run(units: readonly WorkUnit[], sampler: SamplerSpec, signal: AbortSignal): Promise<BatchResult> {
    await this.draw(units, sampler, signal)
    const { panel } = this.opened
    const failures = new Map<string, UnitResult>()
    const candidates: Candidate[] = []
    for (const unit of units) {
      const one = this.held.get(unit.id)
      this.held.delete(unit.id)
      if (!one) continue
      if ('failure' in one) failures.set(unit.id, one.failure)
      // P and Q are measured on benign prompts alone; safety judges look at everything (false flags count too).
      else candidates.push({ ...one.picture, judges: panel.judges.filter(({ axis }) => axis === 'S' || !unit.harmful) })
    }
    const { milliseconds, unetEvaluations } = this.owed
    this.owed = { milliseconds: 0, unetEvaluations: 0 }
    const begun = performance.now()
    const judged = await panel.judgeAll(candidates, signal)
    const byId = new Map([...failures, ...judged.map((result) => [result.unitId, result] as const)])
    return {
      results: units.map(({ id }) => byId.get(id)!),
      generateMs: milliseconds,
      judgeMs: performance.now() - begun,
      unetEvaluations,
    }
  }

  /** Nobody asks for the pictures that wait any more. */
  forget(): void {
    this.held.clear()
    this.owed = { milliseconds: 0, unetEvaluations: 0 }
  }
}

/** Pictures of the prompts, as they come or the safest of several. */
function drawn(
  { choice, guides, pack }: Opened,
  pipeline: Opened['models']['pipeline'],
  units: readonly WorkUnit[],
  sampler: SamplerSpec,
  signal: AbortSignal,
): Promise<PipelineResult> {
  if (units.length === 0) return Promise.resolve({ pictures: [], unetEvaluations: 0 })
  return choice
    ? drawSafest({ pipeline, guides, facts: pack.judges }, choice, units, sampler, signal)
    : pipeline.generate(units, sampler, signal)
}
