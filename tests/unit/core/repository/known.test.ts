/** The table of models that are known to fit a browser, and defaults that are guessed from names. */
import { describe, expect, test } from 'vitest'
import { KNOWN_MODELS, knownModel } from '../../../../src/core/repository'
import { samplingDefaults } from '../../../../src/core/repository/defaults'
import { modelAddressText, parseModelAddress } from '../../../../src/core/sources'

describe('known models', () => {
  test('have addresses that a person may type, once each', () => {
    for (const { id } of KNOWN_MODELS) expect(modelAddressText(parseModelAddress(id))).toBe(id)
    expect(new Set(KNOWN_MODELS.map(({ id }) => id)).size).toBe(KNOWN_MODELS.length)
  })

  test('are found at any revision, in any case', () => {
    expect(knownModel('hf:Schmuell/SD-turbo-ort-web@0123abc')?.nonCommercial).toBe(true)
    expect(knownModel('hf:cursedhelm/aderpy-deepdreamer-onnx@main/tiny-sd-web-fp16')?.title).toMatch(/half precision/)
    expect(knownModel('hf:nobody/nothing')).toBeUndefined()
  })

  test('that cannot be used say why, and what can', () => {
    for (const { unsupported, instead } of KNOWN_MODELS) expect(unsupported === undefined).toBe(instead === undefined)
  })
})

describe('steps and guidance', () => {
  test.each([
    ['hf:someone/sd-turbo-copy', false, { numInferenceSteps: 1, guidanceScale: 0 }],
    ['hf:someone/sdxs-512', false, { numInferenceSteps: 1, guidanceScale: 0 }],
    ['hf:someone/turbo-lcm', true, { numInferenceSteps: 4, guidanceScale: 8 }],
    ['hf:someone/portraits', false, { numInferenceSteps: 25, guidanceScale: 7.5 }],
  ])('of %s', (id, consistency, defaults) => {
    const found = samplingDefaults(id, consistency, {})
    expect(found.defaults).toEqual(defaults)
    expect(found.note !== null).toBe(!consistency && defaults.guidanceScale === 0)
  })

  test('that are stated are taken without a word', () => {
    expect(samplingDefaults('hf:x/turbo', false, { numInferenceSteps: 3, guidanceScale: 2 })).toEqual({
      defaults: { numInferenceSteps: 3, guidanceScale: 2 },
      note: null,
    })
  })
})
