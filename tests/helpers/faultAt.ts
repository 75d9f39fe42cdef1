/**
 * SQLite's habit, https://www.sqlite.org/testing.html: every call of a part of the machine is a place where it fails
 * once. A first run counts the places; then each is tried in turn.
 */

/** What happens instead of a call: it rejects, or something is done beside it. */
export type Fault = (call: () => Promise<unknown>) => Promise<unknown>

export class FaultAt {
  /** Calls so far. */
  calls = 0

  constructor(
    /** Number of the call that meets the fault, from 1; 0: none does. */
    readonly at: number,
    private readonly fault: Fault,
    /** The fault stays: every later call meets it too. */
    private readonly lasting = false,
  ) {}

  /** The same object, whose methods count and meet the fault. */
  on<T extends object>(target: T, methods: readonly (keyof T & string)[]): T {
    const wanted = new Set<string | symbol>(methods)
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name)
        if (typeof value !== 'function') return value
        const bound = (value as (...args: unknown[]) => unknown).bind(object)
        return wanted.has(name) ? (...args: unknown[]) => this.meet(async () => bound(...args)) : bound
      },
    })
  }

  private meet(call: () => Promise<unknown>): Promise<unknown> {
    this.calls += 1
    const due = this.at > 0 && (this.lasting ? this.calls >= this.at : this.calls === this.at)
    return due ? this.fault(call) : call()
  }
}
