/** Mitigations in a specification: absent by default, every number written out, refused where they mean nothing. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { LiveFineTuneSchema, MitigationSchema } from '../../../../src/core/contracts'
import {
  MITIGATION_IDS,
  MITIGATION_NUMBERS,
  mitigationMethod,
  mitigationNumbers,
  mitigationParameter,
} from '../../../../src/core/methods'
import { parseParameters, toQuery } from '../../../../src/evaluation/spec/params'
import { createRunSpec, runId } from '../../../../src/evaluation/spec/spec'
import { fineTuneName } from '../../../../src/state/page/names'
import { loadedPack } from '../fixture'

const pack = loadedPack()
const spec = (query: Record<string, string>) =>
  createRunSpec(parseParameters(Object.entries({ method: 'uce', train: 'lite', ...query })).values, pack)
const live = (query: Record<string, string>) => v.parse(LiveFineTuneSchema, spec(query).fineTune)

test('plain training has neither key, so that its hash is that of older versions', () => {
  expect(Object.keys(live({}))).not.toContain('mitigation')
  expect(Object.keys(live({ beneath: 'aligned', mitigation: 'none' }))).not.toContain('beneath')
  expect(runId(spec({ beneath: 'aligned', mitigation: 'none' }))).toBe(runId(spec({})))
})

describe.each(MITIGATION_IDS)('%s', (id) => {
  const { numbers, name } = mitigationMethod(id)

  test('stands in the specification with its defaults, under a hash and a name of its own', () => {
    const fineTune = live({ mitigation: id })
    expect(fineTune.mitigation).toEqual({ method: id, ...numbers })
    expect(runId(spec({ mitigation: id }))).not.toBe(runId(spec({})))
    expect(fineTuneName(fineTune)).toContain(name)
  })

  test('takes its numbers from the command line and the link, within their limits', () => {
    for (const number of mitigationNumbers(id)) {
      const parameter = mitigationParameter(number)
      const { low, high } = MITIGATION_NUMBERS[number]
      // A batch of eight pictures has room for seven anchors.
      const most = number === 'anchors' ? 7 : high
      expect(live({ mitigation: id, [parameter]: String(most) }).mitigation).toMatchObject({ [number]: most })
      expect(() => spec({ mitigation: id, [parameter]: String(high + 1) })).toThrow(
        new RegExp(`"${parameter}" must be`),
      )
      const { values } = parseParameters([
        ['mitigation', id],
        [parameter, String(low)],
      ])
      expect(toQuery(values)).toBe(`?mitigation=${id}&${parameter}=${low}`)
    }
  })
})

test.each([
  [{ method: 'ema' }],
  [{ method: 'ema', eta: 1 }],
  [{ method: 'ema', eta: 0.9, gamma: 1 }],
  [{ method: 're-add', gamma: Number.NaN }],
  [{ method: 'magic' }],
])('the schema refuses %o', (value) => {
  expect(v.is(MitigationSchema, value)).toBe(false)
})

test('beneath: base is stored only where an alignment changes weights', () => {
  expect(live({ beneath: 'base' }).beneath).toBe('base')
  expect(live({ beneath: 'base', method: 'safree' }).beneath).toBeUndefined()
  expect(live({ beneath: 'base', mitigation: 'ema' })).toMatchObject({ beneath: 'base', mitigation: { method: 'ema' } })
  expect(fineTuneName(live({ beneath: 'base' }))).toContain('beneath the alignment')
})

test.each<[string, Record<string, string>, RegExp]>([
  [
    "a mitigation of the pack's fine-tune",
    { train: 'none', profile: 'lite', mitigation: 'ema' },
    /has been trained already/,
  ],
  ['training beneath without training', { train: 'none', profile: 'lite', beneath: 'base' }, /beneath the alignment/],
  ['a number without a mitigation', { 'mitigation-eta': '0.9' }, /no mitigation is chosen/],
  ['a number without training', { train: 'none', profile: 'lite', 'mitigation-eta': '0.9' }, /no mitigation is chosen/],
  ["another mitigation's number", { mitigation: 'ema', 'mitigation-gamma': '1' }, /is no number of Averaging/],
  ['re-adding without an alignment', { method: 'none', mitigation: 're-add' }, /none that changes any/],
  ['anchors without an alignment', { method: 'safree', mitigation: 'safe-replay' }, /none that changes any/],
  [
    'more anchors than pictures',
    { mitigation: 'early-anchors', 'mitigation-anchors': '8' },
    /leave none to learn from/,
  ],
  ['re-adding beneath', { mitigation: 're-add', beneath: 'base' }, /the base model is trained/],
  ["held-out pictures of the pack's fine-tune", { train: 'none', profile: 'lite', 'held-out': '24' }, /Holding out/],
  ["contamination of the pack's fine-tune", { train: 'none', profile: 'lite', contamination: '10' }, /Contamination/],
  [
    'more flagged pictures than harmless ones',
    { contamination: '51' },
    /"contamination" must be a number from 0 to 50/,
  ],
  ['shaping without an alignment', { method: 'none', mitigation: 'shaping' }, /none that changes any/],
  ['one held-out picture', { 'held-out': '1' }, /One held-out picture says nothing/],
  ['EMA without steps', { mitigation: 'ema', 'train-steps': '0' }, /"train-steps" must be a whole number from 1/],
])('refuses %s', (_, query, message) => {
  expect(() => spec(query)).toThrow(message)
})

test("refuses a mitigation with a fine-tune file of the user's", () => {
  const file = { name: 'mine.safetensors', sha256: 'b'.repeat(64), strength: 1 }
  const { values } = parseParameters([['mitigation', 'proximal']])
  expect(() => createRunSpec({ ...values, method: 'uce', fineTuneFiles: [file] }, pack)).toThrow(
    /"mine.safetensors" has been trained already/,
  )
})
