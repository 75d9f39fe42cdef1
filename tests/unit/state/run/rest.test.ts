import { afterEach, expect, test, vi } from 'vitest'
import { atRest, hasToSpare } from '../../../../src/state/run/rest.svelte'

afterEach(() => vi.unstubAllGlobals())

const machine = { hardwareConcurrency: 2 }

test('a machine has to spare unless it is small or its line is metered', () => {
  expect(hasToSpare(machine)).toBe(true)
  expect(hasToSpare({ ...machine, deviceMemory: 8, connection: { saveData: false } })).toBe(true)
  expect(hasToSpare({ hardwareConcurrency: 1 })).toBe(false)
  expect(hasToSpare({ ...machine, deviceMemory: 2 })).toBe(false)
  expect(hasToSpare({ ...machine, connection: { saveData: true } })).toBe(false)
})

function page(visibilityState: string) {
  const idle: (() => void)[] = []
  vi.stubGlobal('document', { visibilityState })
  vi.stubGlobal('requestIdleCallback', (callback: () => void) => idle.push(callback))
  vi.stubGlobal('cancelIdleCallback', (id: number) => delete idle[id - 1])
  return () => idle.forEach((callback) => callback())
}

test('begins when the page is idle and seen, and can be called off', () => {
  const work = vi.fn()
  const rest = page('visible')
  atRest(work, machine)
  expect(work).not.toHaveBeenCalled()
  rest()
  expect(work).toHaveBeenCalledOnce()

  const other = vi.fn()
  const again = page('visible')
  atRest(other, machine)()
  again()
  expect(other).not.toHaveBeenCalled()
})

test('does nothing on a hidden page, on a small machine, or where a browser does not tell', () => {
  const work = vi.fn()
  const rest = page('hidden')
  atRest(work, machine)
  atRest(work, { hardwareConcurrency: 1 })
  rest()
  vi.unstubAllGlobals()
  atRest(work, machine)
  expect(work).not.toHaveBeenCalled()
})
