import { describe, expect, test } from 'vitest'
import {
  holdsNoGraphs,
  licenceLine,
  licenceOf,
  modelAddressText,
  parseEndpoint,
  parseModelAddress,
} from '../../../../src/core/sources'

const hub = (owner: string, name: string, revision = 'main', subfolder = '') => ({
  kind: 'hub',
  owner,
  name,
  revision,
  subfolder,
})

describe('the address of a model', () => {
  test.each([
    ['hf:owner/name', hub('owner', 'name')],
    [' owner/name ', hub('owner', 'name')],
    ['hf:owner/name@v1.0', hub('owner', 'name', 'v1.0')],
    ['hf:owner/name@main/tiny-sd-web-fp16/', hub('owner', 'name', 'main', 'tiny-sd-web-fp16')],
    ['hf:owner/name/a/b', hub('owner', 'name', 'main', 'a/b')],
    ['hf:owner/name@refs%2Fpr%2F1', hub('owner', 'name', 'refs/pr/1')],
    ['https://huggingface.co/owner/name', hub('owner', 'name')],
    ['https://hf.co/owner/name/tree/dev/onnx/fp16?x=1#y', hub('owner', 'name', 'dev', 'onnx/fp16')],
    ['https://example.org/models/a', { kind: 'url', baseUrl: 'https://example.org/models/a/' }],
    ['https://example.org:8443/a/manifest.json?x', { kind: 'url', baseUrl: 'https://example.org:8443/a/' }],
    ['http://localhost:8000', { kind: 'url', baseUrl: 'http://localhost:8000/' }],
  ])('%s', (text, address) => {
    expect(parseModelAddress(text)).toEqual(address)
    expect(parseModelAddress(modelAddressText(parseModelAddress(text)))).toEqual(address)
  })

  test.each([
    ['', 'it is empty'],
    ['hf:name', 'it lacks an owner or a name'],
    ['hf:../etc', 'owner and name are letters'],
    ['hf:a--b/c', 'owner and name are letters'],
    ['hf:owner/name/../../x', 'its subfolder is no relative path'],
    ['hf:owner/name@a%00b', 'its revision is no branch'],
    ['https://huggingface.co/owner/name/blob/main/x.onnx', 'not the page of a model repository'],
    ['http://example.org/model', 'only https is loaded'],
    ['https://me:secret@example.org/', 'it carries a user name or password'],
    ['ftp://example.org/', 'it is no web address'],
    ['javascript:alert(1)', 'it is no web address'],
  ])('%s is refused with one sentence', (text, why) => {
    expect(() => parseModelAddress(text)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringContaining(why) }),
    )
  })

  test('a password never appears in the refusal', () => {
    expect(() => parseModelAddress('https://me:secret@example.org/')).toThrow(/^(?!.*secret)/)
  })

  test('a mirror is a web address without a slash at its end', () => {
    expect(parseEndpoint('')).toBe('https://huggingface.co')
    expect(parseEndpoint(' https://mirror.example/hub/ ')).toBe('https://mirror.example/hub')
    expect(() => parseEndpoint('mirror')).toThrow('no web address')
  })
})

describe('what an owner says about use', () => {
  test.each([
    ['cc-by-nc-4.0', true],
    ['sai-nc-community', true],
    ['creativeml-openrail-m', false],
    ['apache-2.0', false],
    ['mit', false],
    [null, false],
  ])('%s: non-commercial %s', (id, expected) => {
    expect(licenceOf(id, false).nonCommercial).toBe(expected)
  })

  test('is told in one line', () => {
    expect(licenceLine(licenceOf('cc-by-nc-4.0', true))).toBe(
      'Licence cc-by-nc-4.0, non-commercial use only; its owner asks for an agreement on the hub.',
    )
    expect(licenceLine(licenceOf(null, false))).toBe('No licence is stated: ask the owner before use.')
  })

  test('weights for PyTorch alone are told apart from graphs', () => {
    const files = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1, sha256: null, gitSha1: null }))
    expect(holdsNoGraphs(files('unet/diffusion_pytorch_model.safetensors', 'model_index.json'))).toBe(true)
    expect(holdsNoGraphs(files('a.safetensors', 'a.onnx'))).toBe(false)
  })
})
