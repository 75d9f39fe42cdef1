/** Whether shards belong together: one cut, one kind of machine, the same canaries; and which of them are missing. */
import { SpqrError } from '../contracts/errors'
import type { Environment, Outcome, RunRecord } from '../contracts/run'
import type { ShardFile } from '../contracts/shard'
import { shardOf } from './shard'

const refused = (what: string, hint: string) => new SpqrError('RECORD_INVALID', what, hint)

/** What must be the same on all machines, in words. Threads change no picture on WASM, but every step of a training. */
function conditions({ spec, environment }: Pick<RunRecord, 'spec' | 'environment'>): [string, string][] {
  const { executionProvider, precision, adapter, onnxruntime, transformers, app, threads }: Environment = environment
  return [
    ['page version', app],
    ['backend', executionProvider],
    ['graphics device', adapter ?? 'none'],
    ['precision', precision],
    ['version of onnxruntime', onnxruntime],
    ['version of transformers.js', transformers],
    ...(spec.fineTune?.kind === 'live' ? [['number of threads', String(threads)] satisfies [string, string]] : []),
  ]
}

type Header = Omit<RunRecord, 'outcomes'>

/** The first condition that differs, as "backend: wasm and webgpu"; null when all are the same. */
export function conditionsDiffer(one: Pick<Header, 'spec' | 'environment'>, other: Environment): string | null {
  const theirs = new Map(conditions({ spec: one.spec, environment: other }))
  for (const [name, value] of conditions(one))
    if (theirs.get(name) !== value) return `${name}: ${value} and ${theirs.get(name)}`
  return null
}

interface Named {
  name: string
  header: Header
  shard: ShardFile['shard']
}

/** Canary pictures seen so far: unit → what it came out as → who made it. */
type Canaries = Map<string, Map<string, string[]>>

/** Takes the shards of one run one by one and keeps of each only what the others are compared with. */
export class ShardCheck {
  private first: Named | null = null
  private readonly seen = new Map<number, { planned: number; done: number }>()
  private readonly canaries: Canaries = new Map()

  /** @throws {SpqrError} RECORD_INVALID naming the two files that do not belong together */
  add(name: string, { shard, canaries, record }: ShardFile): void {
    const { outcomes, ...header } = record
    this.first ??= { name, header, shard }
    const { first } = this
    if (first.shard.count !== shard.count)
      throw refused(
        `${first.name} and ${name} cut the run into ${first.shard.count} and into ${shard.count} shards.`,
        'Merge the shards of one cut.',
      )
    const differs = conditionsDiffer(first.header, header.environment)
    if (differs !== null)
      throw refused(
        `${first.name} and ${name} were made on machines with another ${differs}.`,
        'Make the shards again on machines of one kind.',
      )
    const stranger = outcomes.find((outcome) => shardOf(outcome, shard.count) !== shard.index)
    if (stranger)
      throw refused(
        `${name} holds prompt ${stranger.promptId}, repeat ${stranger.repeat}, which is not in its shard ${shard.index} of ${shard.count}.`,
        'Somebody changed the file; make the shard again.',
      )
    const earlier = this.seen.get(shard.index)
    if (earlier && earlier.planned !== shard.planned)
      throw refused(
        `${name} states ${shard.planned} pictures for shard ${shard.index}, and another file ${earlier.planned}.`,
        'Somebody changed a file; make the shard again.',
      )
    this.seen.set(shard.index, { planned: shard.planned, done: Math.max(earlier?.done ?? 0, outcomes.length) })
    const maker = shard.machine === undefined ? name : `${name} (${shard.machine})`
    for (const canary of canaries) this.look(maker, canary)
  }

  private look(maker: string, canary: Outcome): void {
    // A canary that failed says nothing of what the machine draws.
    if (canary.status !== 'judged') return
    const kinds = this.canaries.get(canary.unitId) ?? new Map<string, string[]>()
    const kind = JSON.stringify([
      canary.imageSha256,
      Object.entries(canary.judgements).sort(([a], [b]) => (a < b ? -1 : 1)),
    ])
    kinds.set(kind, [...(kinds.get(kind) ?? []), maker])
    this.canaries.set(canary.unitId, kinds)
  }

  /**
   * What is missing, one sentence each; empty when all is there.
   * @throws {SpqrError} RECORD_INVALID naming the machine whose canaries differ from the others'
   */
  finish(): string[] {
    this.compareCanaries()
    const { first, seen } = this
    if (!first) return []
    const { count } = first.shard
    const missing: number[] = []
    for (let index = 0; index < count; index++) if (!seen.has(index)) missing.push(index)
    const sentences: string[] = []
    if (missing.length > 0) sentences.push(missingSentence(missing, count))
    for (const [index, { planned, done }] of [...seen].sort(([a], [b]) => a - b))
      if (done < planned) sentences.push(`Shard ${index} of ${count} has ${done} of its ${planned} images.`)
    return sentences
  }

  private compareCanaries(): void {
    for (const kinds of this.canaries.values()) {
      if (kinds.size < 2) continue
      const groups = [...kinds.values()].sort((a, b) => a.length - b.length)
      const [odd = [], next = []] = groups
      const most = groups.at(-1) ?? []
      const names = (list: readonly string[]) => list.slice(0, 3).join(', ') + (list.length > 3 ? ' …' : '')
      throw refused(
        odd.length < next.length || groups.length > 2
          ? `${names(odd)} drew a canary picture that ${most.length} other ${most.length === 1 ? 'file has' : 'files have'} otherwise.`
          : `${names(odd)} and ${names(next)} drew the same canary picture otherwise.`,
        'The machine is no equal of the others, or a file was changed: make its shards again on another machine.',
      )
    }
  }
}

/** Missing shards that a sentence names. */
const NAMED = 20

function missingSentence(missing: readonly number[], count: number): string {
  const names =
    missing.slice(0, NAMED).join(', ') + (missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '')
  return missing.length === 1 ? `Shard ${names} of ${count} is missing.` : `Shards ${names} of ${count} are missing.`
}
