import { beforeAll, describe, expect, test, vi } from 'vitest'
import { LOOSE_BYTES, Pictures } from '../../../../src/state/run/pictures.svelte'
import type { GeneratedImage } from '../../../../src/core/contracts'
import { stubImageData } from './imageData'

const SIDE = 512
const BYTES = 4 * SIDE * SIDE
/** More than there is room for. */
const MANY = LOOSE_BYTES / BYTES + 10
const rgb = new Uint8Array(3 * SIDE * SIDE)
const picture = (unitId: string): GeneratedImage => ({ unitId, width: SIDE, height: SIDE, rgb, sha256: '' })
const name = (i: number) => `unit-${i}`

beforeAll(() => {
  stubImageData()
})

const kept = (pictures: Pictures) => Array.from({ length: MANY }, (_, i) => i).filter((i) => pictures.get(name(i)))

describe('pictures of a long run', () => {
  test('stay within bounds: the oldest make way, and come back when a tile asks', async () => {
    const pictures = new Pictures()
    const source = vi.fn((unitId: string) => Promise.resolve(picture(unitId)))
    pictures.reset(source)
    for (let i = 0; i < MANY; i += 1) pictures.arrived(name(i), picture(name(i)))
    expect(kept(pictures)).toHaveLength(LOOSE_BYTES / BYTES)
    expect(pictures.get(name(0))).toBeUndefined()
    expect(pictures.absent(name(0))).toBe(false)

    await pictures.want(name(0))
    expect(source).toHaveBeenCalledExactlyOnceWith(name(0))
    // What a tile shows is not taken from under it.
    for (let i = 0; i < MANY; i += 1) pictures.arrived(`more-${i}`, picture(`more-${i}`))
    expect(kept(pictures)).toEqual([0])
  })

  test('that nobody keeps all stay', () => {
    const pictures = new Pictures()
    pictures.reset(null)
    for (let i = 0; i < MANY; i += 1) pictures.arrived(name(i), picture(name(i)))
    expect(kept(pictures)).toHaveLength(MANY)
  })
})
