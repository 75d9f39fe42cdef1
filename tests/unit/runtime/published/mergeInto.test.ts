/** Adapters merged into the bytes of a published file: what half precision cannot hold is refused. */
import { expect, test } from 'vitest'
import type { Adapter } from '../../../../src/core/adapters'
import type { OnnxWeight } from '../../../../src/core/contracts'
import { mergeInto, readWeight } from '../../../../src/runtime/published/published'

const weight: OnnxWeight = { name: 'w', dims: [2], dtype: 'F16', location: '', offset: 2, length: 4 }
const file = new Blob([Uint16Array.from([0x1111, 0x3c00, 0x7bff, 0x2222])])
const adding = (value: number): Adapter[] => [
  {
    targets: new Map([['w', (values: Float32Array) => values.forEach((old, i) => (values[i] = old + value))]]),
  } as Adapter,
]

test('a weight is rounded to the type it is stored in, and what is around it stays', async () => {
  const merged = await mergeInto(file, [weight], adding(-0.5))
  expect([...new Uint16Array(await merged.arrayBuffer())]).toEqual([0x1111, 0x3800, 0x7bff, 0x2222])
  expect([...(await readWeight(merged, weight))]).toEqual([0.5, 65504])
})

test('one that no longer fits is refused by name', async () => {
  await expect(mergeInto(file, [weight], adding(100))).rejects.toMatchObject({
    code: 'ADAPTER_NAN',
    message: 'After merging, the weight "w" is too large for the half precision it is stored in.',
  })
})
