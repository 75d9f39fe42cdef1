/** One job after another; a job that fails does not stop those behind it; aborting rejects the job in flight and all that wait. */
import { throwIfAborted } from './events'

export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve()
  private controller = new AbortController()

  /** Runs `job` after all earlier ones, with a signal that fires when it is to stop. */
  run<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.controller
    const start = async () => {
      throwIfAborted(signal)
      return job(signal)
    }
    const result = this.tail.then(start)
    // The failure belongs to whoever asked for the job.
    this.tail = result.catch(() => undefined)
    return result
  }

  abort(): void {
    this.controller.abort()
    this.controller = new AbortController()
  }
}
