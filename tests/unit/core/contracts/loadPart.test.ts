import { expect, test } from 'vitest'
import { SpqrError, loadPart } from '../../../../src/core/contracts'

test('a part that loads is given on; one that does not is an error that says what to do', async () => {
  await expect(loadPart(() => Promise.resolve({ part: 1 }))).resolves.toEqual({ part: 1 })
  const raw = new TypeError('Failed to fetch dynamically imported module: http://site.test/assets/run-abc.js')
  await expect(loadPart(() => Promise.reject(raw))).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: 'A part of the page could not be loaded.',
    hint: 'Check the connection, then load the page again.',
    cause: raw,
  })
  const thrower = (): Promise<never> => {
    throw raw
  }
  await expect(loadPart(thrower)).rejects.toBeInstanceOf(SpqrError)
})

test('what a part says itself is not covered up', async () => {
  const own = new SpqrError('MEMORY', 'There is too little memory.', 'Close other tabs.')
  await expect(loadPart(() => Promise.reject(own))).rejects.toBe(own)
})
