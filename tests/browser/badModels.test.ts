/**
 * Models that cannot be used, met through the engine as a person meets them: one clear sentence each, nothing large
 * fetched, and the engine goes on with the next model.
 */
import { proxy, type Remote } from 'comlink'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { EngineApi, ModelChoice, ModelVariant } from '../../src/core/contracts'
import { TINY_PACK, WASM, rejection, startEngine, workUnit } from '../helpers/engine'
import { family, type FamilyFiles } from '../helpers/families'
import { TYPE, onnxFile, type TestGraph } from '../helpers/onnx'

const base: ModelVariant = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }
const onEvent = proxy(() => undefined)
const address = (text: string, token: string | null = null): ModelChoice => ({
  variant: null,
  source: { kind: 'address', text, endpoint: inject('mirror'), token },
})

let engine: Remote<EngineApi>
let stop: () => void
let files: FamilyFiles
beforeAll(async () => {
  ;({ engine, stop } = startEngine())
  files = await family('sdxs')
})
afterAll(() => stop())

const folder = (disk = files.disk): ModelChoice => ({
  variant: null,
  source: { kind: 'folder', name: 'sdxs', files: disk },
})
/** The folder with another U-Net. */
function withUnet(operators: NonNullable<TestGraph['operators']>): ModelChoice {
  const unet = onnxFile({
    operators,
    inputs: [
      { name: 'sample', type: TYPE.float32, dims: ['batch', 4, 8, 8] },
      { name: 'timestep', type: TYPE.int64, dims: [1] },
      { name: 'encoder_hidden_states', type: TYPE.float32, dims: ['batch', 77, 16] },
    ],
    outputs: [{ name: 'out_sample', type: TYPE.float32, dims: ['batch', 4, 8, 8] }],
  })
  return folder(
    files.disk.map((file) => (file.path === 'unet/model.onnx' ? { path: file.path, blob: new Blob([unet]) } : file)),
  )
}
const opened = async (model: ModelChoice) => {
  await engine.open(TINY_PACK, { ...WASM, model }, onEvent)
  await engine.prepare(base, [], onEvent)
}

describe('one sentence, and the engine goes on', () => {
  test.each<[string, () => ModelChoice, RegExp]>([
    [
      'an operator that nobody knows',
      () => withUnet([{ domain: '', name: 'NoSuchOperator', inputs: ['sample'], outputs: ['out_sample'] }]),
      /^The graph of U-Net cannot be used: its operator NoSuchOperator is not in onnxruntime-web\.$/,
    ],
    [
      'numbers of two types added',
      () => withUnet([{ domain: '', name: 'Add', inputs: ['sample', 'timestep'], outputs: ['out_sample'] }]),
      /^The graph of U-Net cannot be used: Type Error: .*tensor\(float\) and tensor\(int64\)/,
    ],
    [
      'an output that nothing makes',
      () => withUnet([{ domain: '', name: 'Identity', inputs: ['sample'], outputs: ['other'] }]),
      /^The graph of U-Net cannot be used: This is an invalid model\. Graph output \(out_sample\) does not exist in the graph\.$/,
    ],
  ])('%s', async (_, model, sentence) => {
    const refused = await rejection(opened(model()))
    expect(refused).toMatchObject({
      code: 'GRAPH_MISMATCH',
      hint: expect.stringMatching(/^Export it again/) as unknown,
    })
    expect(refused.message).toMatch(sentence)
    expect(refused.message.split('\n')).toHaveLength(1)
    await opened(folder())
    const { results } = await engine.run([workUnit('a red kite', 1)], {
      scheduler: 'EulerDiscreteScheduler',
      numInferenceSteps: 1,
      guidanceScale: 0,
      noise: 'torch',
    })
    expect(results.map(({ status }) => status)).toEqual(['judged'])
  })

  test('weights beside the graph with a number that is not finite', async () => {
    const { disk } = await family('lcm')
    const spoilt = disk.map(async (file) => {
      if (file.path !== 'unet/model.onnx_data') return file
      const bytes = new Uint8Array(await file.blob.arrayBuffer())
      bytes.set([0, 0, 0xc0, 0x7f], 4096)
      return { path: file.path, blob: new Blob([bytes]) }
    })
    const refused = await rejection(opened(folder(await Promise.all(spoilt))))
    expect(refused).toMatchObject({
      code: 'WEIGHTS_INVALID',
      message: expect.stringMatching(/^The weight ".+" of the U-Net holds a number that is not finite\.$/) as unknown,
    })
  })

  test.each<[string, () => ModelChoice, string, string]>([
    [
      'an id that does not exist',
      () => address('hf:owner/nothing'),
      'SOURCE_NOT_FOUND',
      'There is no model "owner/nothing" on 127.0.0.1',
    ],
    [
      'a gated model without a token',
      () => address('hf:mini/gated'),
      'SOURCE_FORBIDDEN',
      'The owner of "hf:mini/gated" asks for an agreement before download.',
    ],
    [
      'a gated model with a token that may not',
      () => address('hf:mini/gated', 'bad'),
      'SOURCE_FORBIDDEN',
      'asks for an agreement',
    ],
    ['PyTorch weights only', () => address('hf:owner/torch'), 'SOURCE_UNSUITABLE', 'it holds PyTorch weights only'],
    [
      'a subfolder that is not there',
      () => address('hf:owner/tiny/nowhere'),
      'SOURCE_NOT_FOUND',
      'is not in "owner/tiny"',
    ],
    [
      'a folder that lacks a part',
      () => folder(files.disk.filter(({ path }) => !path.startsWith('vae_decoder/'))),
      'SOURCE_UNSUITABLE',
      'it has no graph of the VAE decoder',
    ],
    [
      'a web page in the place of a graph',
      () =>
        folder(
          files.disk.map((file) =>
            file.path === 'unet/model.onnx' ? { ...file, blob: new Blob(['<!doctype html>']) } : file,
          ),
        ),
      'GRAPH_MISMATCH',
      'the server sent a web page in its place',
    ],
  ])('%s', async (_, model, code, message) => {
    const refused = await rejection(engine.describe(model()))
    expect(refused).toMatchObject({ code, message: expect.stringContaining(message) as unknown })
    expect(refused.hint).toMatch(/\.$/)
  })

  test('a gated model with the right token is described', async () => {
    expect((await engine.describe(address('hf:mini/gated', 'good-token'))).manifest).toMatchObject({
      licence: { id: 'openrail++', gated: true },
    })
  })
})
