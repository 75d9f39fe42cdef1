import { describe, expect, test } from 'vitest'
import { decodePromptFile } from '../../../../src/core/prompts'

const read = (bytes: number[] | Uint8Array) => decodePromptFile('my.csv', Uint8Array.from(bytes), TextDecoder)

describe('the bytes of a prompt file', () => {
  test('UTF-8 is read as it is', () => {
    expect(read(new TextEncoder().encode('prompt\nein Bär'))).toEqual({ text: 'prompt\nein Bär', note: null })
  })

  test('Latin-1 is read, and said in one sentence', () => {
    expect(read([0x42, 0xe4, 0x72])).toEqual({
      text: 'Bär',
      note: '"my.csv" is not in UTF-8 and was read as Latin-1; if letters with accents look wrong, save it as UTF-8.',
    })
  })

  test.each([[[0xff, 0xfe, 0x42, 0, 0xe4, 0]], [[0xfe, 0xff, 0, 0x42, 0, 0xe4]]])(
    'UTF-16 with its mark: %j',
    (bytes) => {
      expect(read(bytes)).toEqual({ text: 'Bä', note: null })
    },
  )
})
