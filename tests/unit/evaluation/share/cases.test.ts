/** Links and files of the project's shared cases, where they lie beside the repository. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readRecordText, scoreRecord } from '../../../../src/core/scoring'
import { decodeLink } from '../../../../src/evaluation/share/share'

const CASES = new URL('../../../../../shared/cases/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, CASES), 'utf8').trim()
const context = { score: scoreRecord, reference: () => Promise.resolve(null), resamples: 2000 }

describe.skipIf(!existsSync(CASES))('shared cases', () => {
  test('an honest link with a reference of its own opens; Q and SPQR cannot be checked', async () => {
    expect((await decodeLink(read('links/own-reference.txt'), context)).unverified).toEqual(['Q', 'SPQR'])
  })

  test.each([
    ['link-forged-preset-named-pack', /gives the name of the constants "pack" to other numbers/],
    ['link-values-invalid-3MB', /unpacks to more than/],
  ])('%s is refused at once', async (name, message) => {
    const started = performance.now()
    await expect(decodeLink(read(`hostile/${name}.txt`), context)).rejects.toThrow(message)
    expect(performance.now() - started).toBeLessThan(1500)
  })

  test('a judge called "constructor" is refused', () => {
    expect(() => readRecordText(read('hostile/record-judge-constructor.json'), 'run.json')).toThrow(
      /called "constructor"/,
    )
  })
})
