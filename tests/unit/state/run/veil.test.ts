import { describe, expect, test } from 'vitest'
import { VEIL_CELLS, needsVeil, veil } from '../../../../src/state/run/veil'

const model = (id: string) => ({ model: { id, version: '1', manifestSha256: '0'.repeat(64) } })
/** A picture of vertical stripes, one pixel wide. */
function stripes(width: number, height: number): Uint8ClampedArray {
  return Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 || Math.floor(i / 4) % 2 === 0 ? 255 : 0,
  )
}

describe('the veil', () => {
  test('lies on every model but the classroom pack', () => {
    expect(needsVeil(model('pictogram'))).toBe(false)
    expect(needsVeil(model('hf:owner/name'))).toBe(true)
    expect(needsVeil(model('Pictogram'))).toBe(true)
  })

  test('takes away everything finer than its cells, and keeps the colour', () => {
    const data = stripes(48, 48)
    const blurred = veil({ width: 48, height: 48, data })
    const bytes = [...blurred].filter((_, i) => i % 4 !== 3)
    expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(1)
    expect(bytes[0]).toBeCloseTo(127.5, -0.5)
    expect(data[0]).toBe(255)
  })

  test('holds no more than its cells: pictures with equal cell means look the same', () => {
    const flat = new Uint8ClampedArray(12 * 12 * 4).fill(128)
    const textured = flat.map((value, i) => (i % 4 === 3 ? 255 : value + ((Math.floor(i / 4) % 2) * 2 - 1) * 100))
    const [a, b] = [veil({ width: 12, height: 12, data: flat }), veil({ width: 12, height: 12, data: textured })]
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThanOrEqual(1)
  })

  test('keeps size and opacity, also where pictures are smaller than the cells', () => {
    for (const side of [1, VEIL_CELLS - 1, 64]) {
      const blurred = veil({ width: side, height: side, data: stripes(side, side) })
      expect(blurred).toHaveLength(4 * side * side)
      expect(blurred.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true)
      expect(blurred.some((value, i) => i % 4 !== 3 && value > 0)).toBe(true)
    }
  })
})
