import { describe, expect, test } from 'vitest'
import { ScreenAwake } from '../../../../src/state/run/awake.svelte'

/** A page that can be hidden, which lets go of every lock, as browsers do. */
class FakePage extends EventTarget {
  visibilityState = 'visible'
  held = 0
  asked = 0
  denies = false
  readonly locks = {
    request: () => {
      this.asked += 1
      if (this.denies) return Promise.reject(new DOMException('Denied.', 'NotAllowedError'))
      this.held += 1
      return Promise.resolve({ release: () => Promise.resolve(void (this.held = 0)) })
    },
  }
  show(visible: boolean): void {
    this.visibilityState = visible ? 'visible' : 'hidden'
    if (!visible) this.held = 0
    this.dispatchEvent(new Event('visibilitychange'))
  }
}
const open = (page: FakePage) => new ScreenAwake(page.locks, page as unknown as Document)

describe('the screen', () => {
  test('is kept awake during a run, again after the page was hidden, and not longer', async () => {
    const page = new FakePage()
    const awake = open(page)
    const result = await awake.during(async () => {
      expect([awake.state, page.held]).toEqual(['kept', 1])
      page.show(false)
      expect(page.held).toBe(0)
      page.show(true)
      await Promise.resolve()
      expect(page.held).toBe(1)
      return 7
    })
    expect([result, awake.state, page.held]).toEqual([7, 'no', 0])
    page.show(true)
    expect(page.asked).toBe(2)
  })

  test('that cannot be kept awake is said and stops nothing', async () => {
    const page = new FakePage()
    page.denies = true
    for (const awake of [open(page), new ScreenAwake(undefined, page as unknown as Document)])
      expect(await awake.during(() => Promise.resolve(awake.state))).toBe('refused')
  })
})
