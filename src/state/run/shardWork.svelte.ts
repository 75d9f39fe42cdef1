/** A shard link: somebody asks a person for a part of a run, and gets a file back. */
import { SpqrError, reviveError, type Report, type Shard, type ShardFile } from '../../core/contracts'
import { checkedShard } from '../../core/shards'
import type { RunEvent } from '../../evaluation/run/run'
import type { Route } from '../page/route.svelte'
import { makeShard } from './makeShard'
import type { RunRequest } from './runner.svelte'

/** What a link asks for: `run` begins the name of the run that its sender specified. */
export interface AskedShard {
  shard: Shard
  run: string
}

/** `shard-2-of-8-0123456789ab`, behind `#run/`. */
const ASKED = /^shard-(\d{1,6})-of-(\d{1,6})-([0-9a-f]{12,64})$/

/**
 * Null where the anchor is none of a shard.
 * @throws {SpqrError} BAD_INPUT when it is damaged, or there is no such shard
 */
export function askedShard(anchor: string | null): AskedShard | null {
  if (!anchor?.startsWith('shard-')) return null
  const [, index, count, run] = ASKED.exec(anchor) ?? []
  if (index === undefined || count === undefined || run === undefined)
    throw new SpqrError(
      'BAD_INPUT',
      'The link to a part of a run is damaged.',
      'Copy the whole link again from where it was shared.',
    )
  return { shard: checkedShard(Number(index), Number(count), 'The link'), run }
}

export interface ShardParts {
  route: Route
  evaluate(request: RunRequest, onEvent: (event: RunEvent) => void): Promise<Report | null>
  /** Ends the run that goes on. */
  stop(): void
}

export class ShardWork {
  readonly #parts: ShardParts
  #made = $state.raw<{ anchor: string; file: ShardFile } | null>(null)

  constructor(parts: ShardParts) {
    this.#parts = parts
  }

  /** The part that the address asks for; null when it asks for none, or for one that there is not. */
  readonly asked = $derived.by((): AskedShard | null => {
    try {
      return askedShard(this.#parts.route.place.anchor)
    } catch {
      return null
    }
  })

  /** The finished part that the address asks for. */
  readonly file = $derived.by((): ShardFile | null =>
    this.#made?.anchor === this.#parts.route.place.anchor ? this.#made.file : null,
  )

  /** Says what is wrong with the address. @throws {SpqrError} BAD_INPUT */
  check(): void {
    askedShard(this.#parts.route.place.anchor)
  }

  /**
   * Makes the part that was asked for.
   * @throws {SpqrError} BAD_INPUT when the same settings are another run here, before a picture is made
   */
  async make(request: RunRequest): Promise<void> {
    const { anchor } = this.#parts.route.place
    const asked = askedShard(anchor)
    if (!asked || anchor === null) return
    let another = false
    try {
      const file = await makeShard(
        (...given) => this.#parts.evaluate(...given),
        request,
        asked.shard,
        (event) => {
          if (event.type !== 'plan' || event.runId.startsWith(asked.run)) return
          another = true
          this.#parts.stop()
        },
      )
      if (!another) this.#made = { anchor, file }
    } catch (thrown) {
      // Whoever stopped it knows; what was made is kept for the next time.
      if (!another && reviveError(thrown).code !== 'ABORTED') throw thrown
    }
    if (another)
      throw new SpqrError(
        'BAD_INPUT',
        'This page would make another run than the one that the link asks for.',
        'Its sender uses another version of the page or the model, or a setting was changed: open the link again.',
      )
  }
}
