/** Manifests derived from repositories: what a miniature gives (models/export/fixtures.py), and every refusal. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { ModelManifestSchema } from '../../../../src/core/contracts'
import {
  TokenizerFileSchema,
  VocabularySchema,
  clipTokenizerJson,
  readConfig,
  readMerges,
} from '../../../../src/core/repository'
import { readRepository } from '../../../../src/runtime/published/repository'
import { DiskFolderSource } from '../../../../src/runtime/published/sources'
import { TYPE, onnxFile, type TestGraph } from '../../../helpers/onnx'

type Files = Map<string, Uint8Array<ArrayBuffer>>

function walk(folder: string, top = folder): [string, Uint8Array<ArrayBuffer>][] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory()
      ? walk(path, top)
      : [[relative(top, path), Uint8Array.from(readFileSync(path))] as [string, Uint8Array<ArrayBuffer>]]
  })
}
const load = (name: string): Files => new Map(walk(`tests/golden/families/${name}`))
const sd1 = load('sd1')

const sourceOf = (files: Files) =>
  new DiskFolderSource(
    'mini',
    [...files].map(([path, bytes]) => ({ path, blob: new Blob([bytes]) })),
  )
const derive = (files: Files, variant: string | null = null) => readRepository(sourceOf(files), { variant })
const text = (content: string) => new TextEncoder().encode(content)

function changed(change: (files: Files) => void, from = sd1): Files {
  const files = new Map(from)
  change(files)
  return files
}
function edited(path: string, change: (json: Record<string, unknown>) => void): Files {
  return changed((files) => {
    const json = JSON.parse(new TextDecoder().decode(files.get(path))) as Record<string, unknown>
    change(json)
    files.set(path, text(JSON.stringify(json)))
  })
}
const UNET: TestGraph = {
  inputs: [
    { name: 'sample', type: TYPE.float32, dims: ['batch', 4, 16, 16] },
    { name: 'timestep', type: TYPE.int64, dims: [1] },
    { name: 'encoder_hidden_states', type: TYPE.float32, dims: ['batch', 77, 16] },
  ],
  outputs: [{ name: 'out_sample', type: TYPE.float32, dims: ['batch', 4, 16, 16] }],
}
const withUnet = (graph: TestGraph) => changed((files) => files.set('unet/model.onnx', onnxFile(graph)))

describe('a derived manifest', () => {
  test('says what graphs and configurations say', async () => {
    const manifest = await derive(sd1)
    expect(v.parse(ModelManifestSchema, JSON.parse(JSON.stringify(manifest)))).toEqual(manifest)
    expect(manifest.variants).toEqual(['', 'fp16'])
    expect(manifest.notes).toEqual([])
    expect(manifest.model).toMatchObject({
      latent: { channels: 4, height: 16, width: 16, scalingFactor: 0.18215, shiftFactor: 0 },
      image: { height: 32, width: 32 },
      scheduler: {
        type: 'PNDMScheduler',
        predictionType: 'epsilon',
        betaStart: 0.00085,
        stepsOffset: 1,
        setAlphaToOne: false,
      },
      tokenizer: { maxLength: 77 },
      unet: { precision: 'float32', data: [{ location: 'model.onnx_data', file: { path: 'unet/model.onnx_data' } }] },
      fallbacks: {},
    })
  })

  test('offers float32 graphs to fall back on when half precision is chosen', async () => {
    const { model } = await derive(sd1, 'fp16')
    expect(model.unet).toMatchObject({ precision: 'float16', onnx: { path: 'unet/model_fp16.onnx' } })
    expect(model.fallbacks?.unet).toMatchObject({ precision: 'float32', onnx: { path: 'unet/model.onnx' } })
    expect(model.fallbacks?.vaeDecoder).toMatchObject({ precision: 'float32' })
  })

  test('notes what is assumed and what is not followed', async () => {
    const bare = changed((files) => {
      files.delete('scheduler/scheduler_config.json')
      files.delete('vae_decoder/config.json')
    })
    expect((await derive(bare)).notes.join(' ')).toMatch(/no scheduler configuration.*no configuration of the VAE/)
    const foreign = await derive(
      edited('scheduler/scheduler_config.json', (json) =>
        Object.assign(json, { _class_name: 'HeunDiscreteScheduler', use_karras_sigmas: true }),
      ),
    )
    expect(foreign.notes.join(' ')).toMatch(/HeunDiscreteScheduler is not built in/)
    expect(foreign.model.scheduler).toMatchObject({ type: 'DPMSolverMultistepScheduler', sigmaSchedule: 'karras' })
    const nameless = await derive(withUnet(UNET))
    expect(nameless.notes.join(' ')).toMatch(/LoRA files and closed-form alignment cannot be applied/)
  })

  test('a variant that is not there is refused with those that are', async () => {
    await expect(derive(sd1, 'q8')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: '"folder:mini" has no variant "q8".',
      hint: 'It has the plain files, "fp16".',
    })
  })

  test('finds parts by other names too', async () => {
    const flat = changed((files) => {
      for (const part of ['text_encoder', 'unet', 'vae_decoder']) {
        for (const name of ['model.onnx', 'model.onnx_data', 'model_fp16.onnx', 'model_fp16.onnx_data']) {
          const bytes = files.get(`${part}/${name}`)!
          files.delete(`${part}/${name}`)
          if (name === 'model.onnx') files.set(`onnx/${part}.onnx`, bytes)
        }
      }
      // Inside `onnx/` all three graphs would share one data file; leave a graph that needs none.
      files.set('onnx/unet.onnx', onnxFile(UNET))
      files.set(
        'onnx/text_encoder.onnx',
        onnxFile({
          inputs: [{ name: 'input_ids', type: TYPE.int64, dims: ['batch', 77] }],
          outputs: [{ name: 'last_hidden_state', type: TYPE.float32, dims: ['batch', 77, 16] }],
        }),
      )
      files.set(
        'onnx/vae_decoder_model.onnx',
        onnxFile({
          inputs: [{ name: 'latent', type: TYPE.float32, dims: ['b', 4, 'h', 'w'] }],
          outputs: [{ name: 'image', type: TYPE.float32, dims: ['b', 3, 'H', 'W'] }],
        }),
      )
      files.delete('onnx/vae_decoder.onnx')
    })
    const { model } = await derive(flat)
    expect(model.unet).toMatchObject({ onnx: { path: 'onnx/unet.onnx' } })
    expect(model.vaeDecoder).toMatchObject({ onnx: { path: 'onnx/vae_decoder_model.onnx' } })
  })
})

describe("CLIP's tokenizer from vocab.json and merges.txt", () => {
  test.each(['sd2-v', 'lcm'])('is the tokenizer.json that transformers writes: %s', (name) => {
    const read = (file: string) => readFileSync(`tests/golden/families/${name}/tokenizer/${file}`, 'utf8')
    const config = readConfig(TokenizerFileSchema, 'tokenizer_config.json', read('tokenizer_config.json'))
    expect(
      clipTokenizerJson(
        readConfig(VocabularySchema, 'vocab.json', read('vocab.json')),
        readMerges(read('merges.txt')),
        config,
      ),
    ).toEqual(JSON.parse(read('tokenizer.json')))
  })
})

describe('what cannot work is refused in one sentence', () => {
  const unet = (change: Partial<TestGraph>) => withUnet({ ...UNET, ...change })
  test.each<[string, Files, RegExp]>([
    [
      'PyTorch weights only',
      new Map([
        ['unet/diffusion_pytorch_model.safetensors', text('x')],
        ['model_index.json', text('{}')],
      ]),
      /PyTorch weights only/,
    ],
    ['no graphs at all', new Map([['README.md', text('x')]]), /no graph of the text encoder/],
    [
      'a missing part',
      changed((files) => {
        for (const path of files.keys()) if (path.startsWith('vae_decoder/')) files.delete(path)
      }),
      /no graph of the VAE decoder/,
    ],
    [
      'Stable Diffusion XL',
      changed((files) => files.set('text_encoder_2/model.onnx', text('x'))),
      /second text encoder/,
    ],
    [
      'a missing shard',
      changed((files) => files.delete('unet/model.onnx_data')),
      /weights are in "unet\/model.onnx_data", which is missing/,
    ],
    [
      'a shard cut off',
      changed((files) => files.set('unet/model.onnx_data', files.get('unet/model.onnx_data')!.slice(0, 1000))),
      /has 1000 bytes of at least/,
    ],
    [
      'an unknown operator',
      unet({ operators: [{ domain: 'ai.onnx.contrib', name: 'BertTokenizer' }] }),
      /operator ai\.onnx\.contrib\.BertTokenizer is not in onnxruntime-web/,
    ],
    ['an operator of another device', unet({ operators: [{ domain: 'com.microsoft', name: 'NhwcConv' }] }), /NhwcConv/],
    ['a future operator set', unet({ opset: 99 }), /operator set 99/],
    [
      'a type that cannot be filled',
      unet({ inputs: [{ ...UNET.inputs[0]!, type: TYPE.float64 }, ...UNET.inputs.slice(1)] }),
      /"sample" is float64/,
    ],
    [
      'an input of another architecture',
      unet({ inputs: [...UNET.inputs, { name: 'text_embeds', type: TYPE.float32, dims: ['batch', 1280] }] }),
      /input "text_embeds" belongs to another kind of model/,
    ],
    ['a missing input', unet({ inputs: UNET.inputs.slice(0, 2) }), /lacks the input "encoder_hidden_states"/],
    [
      'a text encoder of another model',
      unet({ inputs: UNET.inputs.with(2, { ...UNET.inputs[2]!, dims: ['batch', 77, 1024] }) }),
      /embeddings have width 16 and the U-Net reads 1024/,
    ],
    [
      'a decoder of another model',
      unet({ inputs: UNET.inputs.with(0, { ...UNET.inputs[0]!, dims: ['batch', 16, 16, 16] }) }),
      /decodes 4 latent channels and the U-Net makes 16/,
    ],
    [
      'a tokenizer of another model',
      edited('tokenizer/vocab.json', (json) => {
        json['a new token'] = 49000
      }),
      /tokenizer of "folder:mini" belongs to another model: it has 49001 tokens/,
    ],
    [
      'a tokenizer of another length',
      edited('tokenizer/tokenizer_config.json', (json) => {
        json['model_max_length'] = 256
      }),
      /makes 256 tokens of a prompt and the text encoder reads 77/,
    ],
    [
      'no tokenizer',
      changed((files) => {
        for (const path of files.keys()) if (path.startsWith('tokenizer/')) files.delete(path)
      }),
      /has no tokenizer/,
    ],
    [
      'a padding token that is none',
      edited('tokenizer/tokenizer_config.json', (json) => {
        json['pad_token'] = '<nope>'
      }),
      /pads with "<nope>"/,
    ],
    [
      'a web page as graph',
      changed((files) => files.set('unet/model.onnx', text('<!DOCTYPE html><html></html>'))),
      /"unet\/model.onnx" is no ONNX graph: the server sent a web page/,
    ],
    [
      'a web page as configuration',
      changed((files) => files.set('scheduler/scheduler_config.json', text('<html>'))),
      /"scheduler\/scheduler_config.json" cannot be read: the server sent a web page/,
    ],
    [
      'an unknown prediction',
      edited('scheduler/scheduler_config.json', (json) => {
        json['prediction_type'] = 'velocity'
      }),
      /unknown prediction type "velocity"/,
    ],
    [
      'a configuration of wrong type',
      edited('scheduler/scheduler_config.json', (json) => {
        json['beta_start'] = 'small'
      }),
      /"scheduler\/scheduler_config.json" is wrong at "beta_start"/,
    ],
  ])('%s', async (_, files, sentence) => {
    await expect(derive(files)).rejects.toThrow(sentence)
    await expect(derive(files)).rejects.toMatchObject({
      name: expect.stringMatching(/^SpqrError:/) as string,
      hint: expect.stringMatching(/\.$/) as string,
    })
  })
})
