/** Every reader of what comes from outside, on changed valid inputs; `npm run fuzz` does the same a million times. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changes } from '../../fuzz/mutate'
import { tryOne } from '../../fuzz/reader'
import { READERS } from '../../fuzz/readers'
import '../../fuzz/withoutPictures'

const INPUTS = 2000
const NAMED = READERS.map((reader) => [reader.name, reader] as const)

test.each(NAMED)('%s: an input as it is opens', async (_, reader) => {
  for (let seed = 0; seed < reader.seeds; seed++)
    expect(await tryOne(reader, seed, [])).toEqual({ kind: 'opened', note: '' })
})

test.each(NAMED)(
  '%s: a changed input is refused in a sentence, or opens as what it is',
  async (_, reader) => {
    const property = fc.asyncProperty(fc.nat(reader.seeds - 1), changes, async (seed, list) => {
      const { kind, note } = await tryOne(reader, seed, list)
      if (kind !== 'opened' && kind !== 'refused') throw new Error(`${kind}: ${note.slice(0, 300)}`)
    })
    await fc.assert(property, { numRuns: INPUTS, seed: 17 })
  },
  300_000,
)
