/** Sorting more than fits into memory: sorted parts on disk, then all of them read side by side (external merge sort). */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { writeAtomically } from './atomic'

/** JSON text that is held before it goes to the disk, in characters. */
const HELD = 32 * 2 ** 20

interface Source<T> {
  head: T
  rest: AsyncIterator<T>
}

export class Spill<T> {
  private held: T[] = []
  private size = 0
  private readonly parts: string[] = []
  private folder: string | null = null

  /** `near`: a path beside which there is room for the parts. */
  constructor(
    private readonly compare: (a: T, b: T) => number,
    private readonly near: string,
    private readonly most = HELD,
  ) {}

  /** `size`: about how many characters of JSON the value is. */
  async add(value: T, size: number): Promise<void> {
    this.held.push(value)
    this.size += size
    if (this.size >= this.most) await this.spill()
  }

  private async spill(): Promise<void> {
    this.folder ??= mkdtempSync(join(dirname(this.near), '.spqr-sort-'))
    const path = join(this.folder, `${this.parts.length}.jsonl`)
    await writeAtomically(path, lines(this.held.sort(this.compare)))
    this.parts.push(path)
    this.held = []
    this.size = 0
  }

  /** All values in order; can be gone through once. */
  async *sorted(): AsyncGenerator<T> {
    if (this.parts.length === 0) {
      yield* this.held.sort(this.compare)
      return
    }
    if (this.held.length > 0) await this.spill()
    // Sorted by their heads, the least last: what comes next is popped, and its successor is put where it belongs.
    const sources: Source<T>[] = []
    for (const path of this.parts) await this.enter(sources, readLines<T>(path))
    for (let least = sources.pop(); least; least = sources.pop()) {
      yield least.head
      await this.enter(sources, least.rest)
    }
  }

  private async enter(sources: Source<T>[], rest: AsyncIterator<T>): Promise<void> {
    const next = await rest.next()
    if (next.done) return
    let [low, high] = [0, sources.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = sources[middle]
      if (other && this.compare(other.head, next.value) > 0) low = middle + 1
      else high = middle
    }
    sources.splice(low, 0, { head: next.value, rest })
  }

  /** Takes the parts from the disk. */
  end(): void {
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true })
  }
}

function* lines(values: Iterable<unknown>): Generator<string> {
  for (const value of values) yield `${JSON.stringify(value)}\n`
}

/** Values that `lines` wrote. They are our own: checked before they were written, and read by this process alone. */
async function* readLines<T>(path: string): AsyncGenerator<T> {
  for await (const line of createInterface({ input: createReadStream(path, { highWaterMark: 2 ** 16 }) }))
    yield JSON.parse(line) as T
}
