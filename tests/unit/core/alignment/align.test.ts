import { expect, test } from 'vitest'
import { alignClosedForm, conceptRows, type EncodedText } from '../../../../src/core/alignment'
import type { ClosedFormAlignment } from '../../../../src/core/contracts/run'
import { createRandom } from '../../../../src/core/random'
import { weights } from '../../../golden/alignment/read'

const d = 12
const length = 8
/** A causal toy encoder: position p is a fixed random function of all words up to p. */
const calls: string[][] = []
const encode = (texts: readonly string[]): Promise<EncodedText[]> => {
  calls.push([...texts])
  return Promise.resolve(
    texts.map((text) => {
      const words = [
        '<s>',
        ...text
          .split(/[\s,]+/)
          .filter(Boolean)
          .slice(0, length - 2),
        '</s>',
      ]
      const hidden = new Float32Array(length * d)
      for (let p = 0; p < length; p++) {
        const seed = [...words.slice(0, p + 1).join(' '), String(p)].reduce(
          (sum, c) => (sum * 31 + c.codePointAt(0)!) >>> 0,
          7,
        )
        const random = createRandom(seed)
        for (let j = 0; j < d; j++) hidden[p * d + j] = random.normal()
      }
      return { hidden, tokens: words.length }
    }),
  )
}
const spec: ClosedFormAlignment = {
  kind: 'closed-form',
  method: 'uce',
  concepts: ['red knife', ' '],
  guide: '',
  preserve: ['panda', 'red knife'],
  eraseScale: 1,
  preserveScale: 1,
  lambda: 0.5,
  rounds: 2,
}

test('every position of a concept goes to the same position of the guide', async () => {
  const [concept, other, guide, kept] = await encode(['red knife', 'bomb', 'a round green ball', 'panda'])
  const rows = conceptRows([concept!, other!], guide!, [kept!], d)
  expect([...rows.erase]).toEqual([...concept!.hidden, ...other!.hidden])
  expect([...rows.guide]).toEqual([...guide!.hidden, ...guide!.hidden])
  expect([...rows.preserve]).toEqual([...kept!.hidden])
})

test('a concept that is also to be preserved is erased', async () => {
  calls.length = 0
  const edits = await alignClosedForm(spec, weights, encode)
  expect(calls).toEqual([['panda'], [''], ['red knife']])
  expect([...edits.keys()].sort()).toEqual([...weights.keys()].sort())
})

test('MACE edits the tokens behind the concept only', async () => {
  calls.length = 0
  const edits = await alignClosedForm({ ...spec, method: 'mace', guide: 'ball' }, weights, encode)
  expect(calls[1]).toContain('a picture of red knife in noto style')
  expect(calls[2]).toContain('a picture of ball in noto style')
  const behind = [8 - 3, 8 - 3, 8 - 6, 8 - 6]
  const rank = Math.min(
    d,
    behind.reduce((a, b) => a + b),
  )
  expect([...edits.values()].map((edit) => edit.rank)).toEqual(Array(8).fill(rank))
})

test('RECE with more rounds differs from UCE, and an empty list is refused', async () => {
  const one = await alignClosedForm({ ...spec, method: 'rece', rounds: 1 }, weights, encode)
  const three = await alignClosedForm({ ...spec, method: 'rece', rounds: 3 }, weights, encode)
  expect([...one.values()][0]!.up).not.toEqual([...three.values()][0]!.up)
  await expect(alignClosedForm({ ...spec, concepts: [' '] }, weights, encode)).rejects.toMatchObject({
    code: 'BAD_INPUT',
  })
})
