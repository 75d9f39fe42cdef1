import { describe, expect, test } from 'vitest'
import { SerialQueue } from '../../../src/runtime/serial'
import { throwIfAborted } from '../../../src/runtime/events'

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('the serial queue', () => {
  test('runs one job at a time, in order, and survives a failed one', async () => {
    const queue = new SerialQueue()
    const log: string[] = []
    const job = (name: string, fails = false) =>
      queue.run(async () => {
        log.push(`+${name}`)
        await tick()
        log.push(`-${name}`)
        if (fails) throw new Error(name)
        return name
      })
    const [a, b, c] = await Promise.allSettled([job('a'), job('b', true), job('c')])
    expect(log).toEqual(['+a', '-a', '+b', '-b', '+c', '-c'])
    expect([a.status, b.status, c.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test('abort rejects the job in flight at its next check and those that wait, not later ones', async () => {
    const queue = new SerialQueue()
    let steps = 0
    const running = queue.run(async (signal) => {
      for (;;) {
        throwIfAborted(signal)
        steps += 1
        await tick()
      }
    })
    const waiting = queue.run(() => Promise.resolve('never'))
    await tick()
    queue.abort()
    const later = queue.run(() => Promise.resolve('later'))
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await later).toBe('later')
    expect(steps).toBeGreaterThan(0)
  })
})
