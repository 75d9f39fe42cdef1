/** Progress of parallel downloads, thinned to what a person can read, with each file's recent rate. */
import type { FileProgress } from '../../../core/contracts'

/** Milliseconds between two reports of one file, and the span that a rate is taken over. */
const REPORT_MS = 200
const RATE_MS = 4000

interface Seen {
  at: number
  state: FileProgress['state']
  marks: { at: number; loaded: number }[]
}

export class ProgressReporter {
  private readonly seen = new Map<string, Seen>()

  constructor(
    private readonly report: (progress: FileProgress) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  readonly take = (progress: Omit<FileProgress, 'bytesPerSecond'>): void => {
    const at = this.now()
    const { path, loaded, state } = progress
    const seen = this.seen.get(path) ?? { at: -Infinity, state: 'checking', marks: [] }
    this.seen.set(path, seen)
    if (state === seen.state && at - seen.at < REPORT_MS && loaded < progress.total) return
    // Only the network has a rate: what was stored already is read in no time.
    if (state === 'loading') seen.marks = [...seen.marks.filter((mark) => at - mark.at < RATE_MS), { at, loaded }]
    Object.assign(seen, { at, state })
    this.report({ ...progress, bytesPerSecond: state === 'loading' ? rate(seen.marks) : null })
  }
}

function rate(marks: readonly { at: number; loaded: number }[]): number | null {
  const [first, last] = [marks[0], marks.at(-1)]
  if (!first || !last || last.at - first.at < REPORT_MS) return null
  return (1000 * (last.loaded - first.loaded)) / (last.at - first.at)
}
