import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { watchLife } from '../../../../src/state/page/watch'

/** A worker of a page without locks: it replies to pings while `replies` is true. */
class PingedWorker extends EventTarget {
  replies = true
  waiting = 0
  postMessage({ ping }: { ping: number }): void {
    if (this.replies) this.say({ pong: ping })
    else this.waiting += 1
  }
  say(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function watch() {
  const worker = new PingedWorker()
  const facts = { busy: true, deaths: 0 }
  const stop = watchLife(worker as unknown as Worker, {
    busy: () => facts.busy,
    onDead: () => (facts.deaths += 1),
  })
  worker.say({ life: null })
  return { worker, facts, stop }
}
const minutes = (n: number) => vi.advanceTimersByTimeAsync(60_000 * n)

describe('a worker without locks', () => {
  test('lives as long as it replies, and is dead once after two minutes of silence', async () => {
    const { worker, facts } = watch()
    await minutes(10)
    expect(facts.deaths).toBe(0)
    worker.replies = false
    await minutes(1.9)
    expect(facts.deaths).toBe(0)
    await minutes(10)
    expect(facts.deaths).toBe(1)
  })

  test('that took 100 s for a step before has four times as long for the next', async () => {
    const { worker, facts } = watch()
    worker.replies = false
    await minutes(100 / 60)
    worker.say({ pong: 1 })
    await minutes(6)
    expect(facts.deaths).toBe(0)
    await minutes(2)
    expect(facts.deaths).toBe(1)
  })

  test('may be silent while nobody waits for it, and once it was ended on purpose', async () => {
    const { worker, facts, stop } = watch()
    worker.replies = false
    facts.busy = false
    await minutes(60)
    expect([facts.deaths, worker.waiting]).toEqual([0, 0])
    facts.busy = true
    stop()
    await minutes(60)
    expect(facts.deaths).toBe(0)
  })

  test('is not dead because the page was frozen', async () => {
    const { worker, facts } = watch()
    worker.replies = false
    await minutes(1)
    // Frozen for an hour: the clock goes on, the timers do not.
    vi.setSystemTime(Date.now() + 3_600_000)
    await minutes(0.5)
    worker.say({ pong: 1 })
    worker.replies = true
    await minutes(10)
    expect(facts.deaths).toBe(0)
  })
})
