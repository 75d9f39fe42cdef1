import { afterEach, expect, test, vi } from 'vitest'
import { atRest, hasToSpare } from '../../../../src/state/run/rest.svelte'

afterEach(() => vi.unstubAllGlobals())

const machine = { hardwareConcurrency: 2 }

test('a machine has to spare unless it is small or its line is metered', () => {
  expect(hasToSpare(machine, false)).toBe(true)
  expect(hasToSpare({ ...machine, deviceMemory: 8, connection: { saveData: false } }, false)).toBe(true)
  expect(hasToSpare({ hardwareConcurrency: 1 }, false)).toBe(false)
  expect(hasToSpare({ ...machine, deviceMemory: 2 }, false)).toBe(false)
  expect(hasToSpare({ ...machine, connection: { saveData: true } }, false)).toBe(false)
})

test('a phone has to spare only where it tells that it has memory', () => {
  expect(hasToSpare({ hardwareConcurrency: 8 }, true)).toBe(false)
  expect(hasToSpare({ hardwareConcurrency: 8, deviceMemory: 2 }, true)).toBe(false)
  expect(hasToSpare({ hardwareConcurrency: 8, deviceMemory: 8 }, true)).toBe(true)
})

/** A page that is idle whenever `rest` is called. */
function page(visibilityState: string) {
  let idle: (() => void)[] = []
  const document = Object.assign(new EventTarget(), { visibilityState })
  vi.stubGlobal('document', document)
  vi.stubGlobal('requestIdleCallback', (callback: () => void) => idle.push(callback))
  vi.stubGlobal('cancelIdleCallback', (id: number) => delete idle[id - 1])
  return {
    rest: () => {
      const due = idle
      idle = []
      due.forEach((callback) => callback())
    },
    show: (now: string) => {
      document.visibilityState = now
      document.dispatchEvent(new Event('visibilitychange'))
    },
  }
}

test('begins when the page is idle and seen, and can be called off', () => {
  const work = vi.fn()
  const { rest } = page('visible')
  atRest(work, machine, false)
  expect(work).not.toHaveBeenCalled()
  rest()
  expect(work).toHaveBeenCalledOnce()

  const other = vi.fn()
  const again = page('visible')
  atRest(other, machine, false)()
  again.rest()
  expect(other).not.toHaveBeenCalled()
})

test('a page that is hidden when it rests begins once it is seen and rests again', () => {
  const work = vi.fn()
  const { rest, show } = page('hidden')
  atRest(work, machine, false)
  rest()
  show('visible')
  show('hidden')
  rest()
  expect(work).not.toHaveBeenCalled()
  show('visible')
  expect(work).not.toHaveBeenCalled()
  rest()
  show('hidden')
  show('visible')
  rest()
  expect(work).toHaveBeenCalledOnce()
})

test('called off while it is hidden, it begins nothing when it is seen', () => {
  const work = vi.fn()
  const { rest, show } = page('hidden')
  const cancel = atRest(work, machine, false)
  rest()
  cancel()
  show('visible')
  rest()
  expect(work).not.toHaveBeenCalled()
})

test('does nothing on a small machine, on a phone of unknown memory, or where a browser does not tell', () => {
  const work = vi.fn()
  const { rest } = page('visible')
  atRest(work, { hardwareConcurrency: 1 }, false)
  atRest(work, machine, true)
  rest()
  vi.unstubAllGlobals()
  atRest(work, machine, false)
  expect(work).not.toHaveBeenCalled()
})
