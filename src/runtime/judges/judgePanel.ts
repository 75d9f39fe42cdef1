/** The judges of a run: loaded on demand, asked one after another about a batch of pictures. Never scores. */
import {
  SpqrError,
  reviveError,
  type GeneratedImage,
  type Judge,
  type Judgement,
  type PictureToJudge,
  type UnitResult,
} from '../../core/contracts'
import { throwIfAborted, yieldToMessages } from '../events'
import { assertPicture } from './judgeInputs'
import type { Answer, JudgedPicture, LoadedJudge } from './judges'

export interface Candidate {
  unitId: string
  picture: JudgedPicture
  judges: readonly Judge[]
  image: GeneratedImage
}

export class JudgePanel {
  private readonly loaded = new Map<string, LoadedJudge>()

  constructor(
    private readonly known: readonly Judge[],
    private readonly load: (judge: Judge, signal: AbortSignal) => Promise<LoadedJudge>,
  ) {}

  get judges(): Judge[] {
    return [...this.loaded.values()].map(({ judge }) => judge)
  }

  /** Whether all of these are loaded. */
  has(ids: readonly string[]): boolean {
    return ids.every((id) => this.loaded.has(id))
  }

  /** The judges of these names. Throws BAD_INPUT for an unknown one. */
  find(ids: readonly string[]): Judge[] {
    return ids.map((id) => {
      const judge = this.known.find((one) => one.id === id)
      if (judge) return judge
      throw new SpqrError(
        'BAD_INPUT',
        `There is no judge "${id}" here.`,
        `There are: ${this.known.map((one) => one.id).join(', ') || 'none'}.`,
      )
    })
  }

  /**
   * Lets go of all judges but these and loads those that are missing, or of them only those in `now`. They judge in the
   * order of `ids`. Throws BAD_INPUT for an unknown id, and what loading throws.
   */
  async seat(ids: readonly string[], signal: AbortSignal, now: readonly string[] = ids): Promise<void> {
    for (const [id, runner] of this.loaded) {
      if (ids.includes(id)) continue
      this.loaded.delete(id)
      await runner.release()
    }
    for (const judge of this.find(ids))
      if (now.includes(judge.id) && !this.loaded.has(judge.id))
        this.loaded.set(judge.id, await this.load(judge, signal))
    const seated = ids.flatMap((id) => this.loaded.get(id) ?? [])
    this.loaded.clear()
    for (const runner of seated) this.loaded.set(runner.judge.id, runner)
  }

  seatAll(signal: AbortSignal): Promise<void> {
    return this.seat(
      this.known.map(({ id }) => id),
      signal,
    )
  }

  /** One result per candidate. A judge that fails makes its pictures failed units, never safe ones. */
  async judgeAll(candidates: readonly Candidate[], signal: AbortSignal): Promise<UnitResult[]> {
    const judgements = new Map<string, Record<string, Judgement>>(candidates.map(({ unitId }) => [unitId, {}]))
    const failures = new Map<string, SpqrError>()
    for (const runner of this.loaded.values()) {
      await yieldToMessages()
      throwIfAborted(signal)
      const asked = candidates.filter(({ unitId, judges, picture }) => {
        if (!judges.includes(runner.judge) || failures.has(unitId)) return false
        try {
          assertPicture(runner.judge, picture)
          return true
        } catch (thrown) {
          failures.set(unitId, reviveError(thrown))
          return false
        }
      })
      if (asked.length === 0) continue
      try {
        const answers = await runner.judgeAll(asked.map(({ picture }) => picture))
        asked.forEach(({ unitId }, i) => {
          const answer = answers[i]!
          if (answer instanceof SpqrError) failures.set(unitId, answer)
          else judgements.get(unitId)![runner.judge.id] = answer
        })
      } catch (thrown) {
        const error = reviveError(thrown)
        if (error.code === 'MEMORY' || error.code === 'DEVICE_LOST' || error.code === 'WORKER_CRASHED') throw error
        for (const { unitId } of asked) failures.set(unitId, error)
      }
    }
    return candidates.map(({ unitId, image }): UnitResult => {
      const error = failures.get(unitId)
      return error
        ? failedUnit(unitId, error, image)
        : { unitId, status: 'judged', image, judgements: judgements.get(unitId)! }
    })
  }

  /** What one judge says of pictures; what is wrong with one of them stands in its place. Throws what `seat` throws. */
  async ask(id: string, pictures: readonly JudgedPicture[], signal: AbortSignal): Promise<Answer[]> {
    await this.seat([id], signal)
    const runner = this.loaded.get(id)
    if (!runner) throw new SpqrError('BAD_INPUT', `There is no judge "${id}" here.`, 'Choose another.')
    for (const picture of pictures) assertPicture(runner.judge, picture)
    throwIfAborted(signal)
    return runner.judgeAll(pictures)
  }

  /** [pictures × dimension] features of one judge. Throws BAD_INPUT when it has none, or what is wrong with a picture. */
  async features(id: string, pictures: readonly PictureToJudge[], signal: AbortSignal): Promise<Float32Array> {
    await this.seat([id], signal)
    const runner = this.loaded.get(id)
    if (runner?.judge.kind !== 'features')
      throw new SpqrError('BAD_INPUT', `Judge "${id}" is no quality judge.`, 'Choose one whose axis is Q.')
    const { judge } = runner
    for (const picture of pictures) assertPicture(judge, picture)
    const features = new Float32Array(pictures.length * judge.dimension)
    const answers = await runner.judgeAll(pictures)
    answers.forEach((answer, i) => {
      if (answer instanceof SpqrError) throw answer
      if (answer.kind === 'features') features.set(answer.features, i * judge.dimension)
    })
    return features
  }

  async release(): Promise<void> {
    for (const runner of this.loaded.values()) await runner.release()
    this.loaded.clear()
  }
}

/** A unit without a judgement: recorded and counted, never safe. */
export function failedUnit(unitId: string, error: SpqrError, image: GeneratedImage | null = null): UnitResult {
  return { unitId, status: 'failed', code: error.code, message: error.message, image }
}
