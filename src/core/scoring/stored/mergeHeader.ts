/** All of a merged record but its outcomes, from shards that come one by one: only what is needed of each is kept. */
import { SpqrError } from '../../contracts/errors'
import type { TrainingTrace } from '../../contracts/fineTune'
import type { Environment, RunRecord, Timings } from '../../contracts/run'
import { canonicalJson } from '../../hash'
import { equalJson } from '../record/equal'

export type RecordHeader = Omit<RunRecord, 'outcomes'>

interface Named<T> {
  name: string
  value: T
}

export class HeaderMerge {
  private first: Named<RecordHeader> | null = null
  private createdAt = ''
  private planned = 0
  private readonly environments = new Map<string, Environment>()
  private readonly timings = new LongestTimings()
  private training: Named<TrainingTrace> | null = null

  /** @throws {SpqrError} RECORD_INVALID when specification, judges or training are others than the earlier shards' */
  add(name: string, record: RecordHeader): void {
    if (this.first) checkSameRun(this.first, { name, value: record })
    else this.first = { name, value: withoutOutcomes(record) }
    if (this.createdAt === '' || record.createdAt < this.createdAt) this.createdAt = record.createdAt
    this.planned = Math.max(this.planned, record.planned)
    this.environments.set(canonicalJson(record.environment), record.environment)
    this.timings.add(record.timings)
    if (record.training) this.takeTraining({ name, value: record.training })
  }

  /** @throws {SpqrError} BAD_INPUT when there was no shard */
  finish(outcomes: number): RecordHeader {
    if (!this.first) throw new SpqrError('BAD_INPUT', 'There is nothing to merge.', 'Name at least one run file.')
    const { value } = this.first
    const [environment] = [...this.environments].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
    return {
      ...value,
      createdAt: this.createdAt,
      environment: environment ?? value.environment,
      timings: this.timings.over(outcomes),
      planned: this.planned,
      training: this.training?.value ?? null,
    }
  }

  notes(recovered: number): string[] {
    const notes: string[] = []
    if (recovered > 0)
      notes.push(
        `${recovered} image${recovered === 1 ? '' : 's'} that failed in one shard succeeded in another; the picture counts.`,
      )
    if (this.environments.size > 1)
      notes.push(
        `The shards were made on ${this.environments.size} different environments; the record keeps one of them.`,
      )
    return notes
  }

  /** The longest training trace stands; every other must be its beginning. */
  private takeTraining(trace: Named<TrainingTrace>): void {
    const known = this.training
    if (!known) {
      this.training = trace
      return
    }
    const [long, short] = trace.value.losses.length > known.value.losses.length ? [trace, known] : [known, trace]
    const heldOut = mergedHeldOut(known.value.heldOut, trace.value.heldOut)
    if (heldOut === null || short.value.losses.some((loss, step) => loss !== long.value.losses[step]))
      throw new SpqrError(
        'RECORD_INVALID',
        `${known.name} and ${trace.name} hold different fine-tunings of the same specification.`,
        'Training must run with the same thread count and backend to repeat exactly.',
      )
    const tie = long.value.losses.length === short.value.losses.length
    const { name, value } = tie && canonicalJson(short.value) > canonicalJson(long.value) ? short : long
    this.training = { name, value: { ...value, ...(heldOut ? { heldOut } : {}) } }
  }
}

/** What either measured, by step; null where they contradict. Two measurements of one model differ in rounding at most. */
function mergedHeldOut(a: TrainingTrace['heldOut'], b: TrainingTrace['heldOut']): TrainingTrace['heldOut'] | null {
  if (!a || !b) return a ?? b
  const byStep = new Map(a.map((one) => [one.step, one]))
  for (const one of b) {
    const known = byStep.get(one.step)
    if (known && !equalJson(known, one)) return null
    byStep.set(one.step, one)
  }
  return [...byStep.values()].sort((one, other) => one.step - other.step)
}

/** Shards are whole records too; what is kept of the first must not hold on to its pictures. */
function withoutOutcomes(record: RecordHeader): RecordHeader {
  const header: RecordHeader & { outcomes?: unknown } = { ...record }
  delete header.outcomes
  return header
}

const field = (value: object, key: string): unknown => Object.entries(value).find(([name]) => name === key)?.[1]

function checkSameRun(first: Named<RecordHeader>, other: Named<RecordHeader>): void {
  const pair = `${first.name} and ${other.name}`
  const [one, two] = [first.value, other.value]
  const changed = Object.keys({ ...one.spec, ...two.spec }).filter(
    (key) => !equalJson(field(one.spec, key), field(two.spec, key)),
  )
  if (changed.length > 0 || one.id !== two.id) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} are not shards of one specification; they differ in: ${changed.join(', ') || 'id'}.`,
      'Use "compare" to see two different runs side by side.',
    )
  }
  if ((one.scoringRule ?? 1) !== (two.scoringRule ?? 1)) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} compute their intervals by different rules (versions of this program).`,
      'Run both shards with the same version.',
    )
  }
  if (!equalJson([one.judges, one.committee], [two.judges, two.committee])) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} were judged by different judges or judge versions.`,
      'Judge both shards with the same pack version.',
    )
  }
}

/** Shards run side by side, so seconds are those of the longest; images and evaluations count the union. */
class LongestTimings {
  private longest: Timings = {
    totalSeconds: Number.NEGATIVE_INFINITY,
    loadSeconds: Number.NEGATIVE_INFINITY,
    generateSeconds: Number.NEGATIVE_INFINITY,
    judgeSeconds: Number.NEGATIVE_INFINITY,
    images: 0,
    unetEvaluations: 0,
  }
  private perImage = 0

  add(timings: Timings): void {
    const { longest } = this
    const most = (name: keyof Timings) => Math.max(longest[name], timings[name])
    this.longest = {
      totalSeconds: most('totalSeconds'),
      loadSeconds: most('loadSeconds'),
      generateSeconds: most('generateSeconds'),
      judgeSeconds: most('judgeSeconds'),
      images: most('images'),
      unetEvaluations: 0,
    }
    const { images, unetEvaluations } = timings
    this.perImage = Math.max(this.perImage, images > 0 ? unetEvaluations / images : 0)
  }

  over(outcomes: number): Timings {
    const images = Math.max(this.longest.images, outcomes)
    return { ...this.longest, images, unetEvaluations: Math.round(this.perImage * images) }
  }
}
