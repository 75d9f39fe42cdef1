import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAdapterFiles } from '../../../src/cli/adapterFiles'

const folder = mkdtempSync(join(tmpdir(), 'spqr-adapters-'))
const path = (name: string) => join(folder, name)
writeFileSync(path('a.safetensors'), 'abc')
writeFileSync(path('b.safetensors'), 'def')

test('reads files with their strengths, and PEFT’s configuration beside them', () => {
  expect(readAdapterFiles('alignment-files', `${path('a.safetensors')}:-0.5, ${path('b.safetensors')}`)).toEqual([
    { name: 'a.safetensors', bytes: 'YWJj', strength: -0.5 },
    { name: 'b.safetensors', bytes: 'ZGVm', strength: 1 },
  ])
  const peft = mkdtempSync(join(tmpdir(), 'spqr-peft-'))
  writeFileSync(join(peft, 'adapter_model.safetensors'), 'abc')
  writeFileSync(join(peft, 'adapter_config.json'), '{"r": 4}')
  expect(readAdapterFiles('alignment-files', join(peft, 'adapter_model.safetensors'))).toMatchObject([
    { config: '{"r": 4}' },
  ])
})

test.each([
  ['', /needs a file name/],
  ['nowhere.safetensors', /there is no file "nowhere.safetensors"/],
  [`${path('a.safetensors')}:strong`, /strength of ".*a.safetensors" is no number: "strong"/],
  [`${path('a.safetensors')}:`, /is no number/],
])('refuses %s', (text, message) => {
  expect(() => readAdapterFiles('fine-tune-files', text)).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) as string }),
  )
})

test('refuses 300 MB before reading them', () => {
  writeFileSync(path('big.safetensors'), '')
  truncateSync(path('big.safetensors'), 300 * 2 ** 20)
  expect(() => readAdapterFiles('alignment-files', path('big.safetensors'))).toThrow(
    /holds 300 MB; an adapter may hold 256 MB/,
  )
})
