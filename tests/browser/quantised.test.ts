/**
 * U-Nets with weights in 4 bits (models/export/export.py, q4f16) and in 8 bits (dynamic, as optimum publishes them), in
 * a real browser against diffusers that denoises by the same graphs in onnxruntime (models/export/fixtures.py quantised).
 */
import { beforeAll, expect, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import type { PackManifest, SamplerSpec } from '../../src/core/contracts'
import { AdapterShelf } from '../../src/runtime/storage/adapterShelf'
import type { PackFiles } from '../../src/runtime/storage/files'
import { Models } from '../../src/runtime/generator/models'
import { loadOrt, type OrtRuntime } from '../../src/runtime/ort'
import { publishedTokenizer, readRepository } from '../../src/runtime/published/repository'
import { ORT_BASE, rejection } from '../helpers/engine'
import { bytes, family, filesOf, psnr, sourceOf } from '../helpers/families'
import { MemoryKeyValue } from '../helpers/memoryStore'

const FILES = ['unet/model_q4f16.onnx', 'unet/model_q4f16.onnx_data', 'unet/model_int8.onnx']
const sampler: SamplerSpec = { scheduler: 'DDIMScheduler', numInferenceSteps: 4, guidanceScale: 5, noise: 'torch' }
const none = new AbortController().signal

let runtime: OrtRuntime
beforeAll(async () => {
  runtime = await loadOrt('wasm', 1, ORT_BASE)
})

async function open(variant: string) {
  const files = await family('sd1')
  const quantised = await Promise.all(
    FILES.map(async (path) => ({ path, blob: new Blob([await bytes(`../quantised/${path}`)]) })),
  )
  const source = sourceOf(files, (disk) => [...disk, ...quantised])
  const published = filesOf(source)
  const manifest = await readRepository(source, { variant })
  if (!('repository' in manifest.model.tokenizer)) throw new Error('a repository has a tokenizer of its own')
  const tokenizer = await publishedTokenizer(published, manifest.model.tokenizer, files.name)
  const pack = { model: manifest.model, adapters: [] } as unknown as PackManifest
  const shelf = new AdapterShelf(
    pack,
    {} as PackFiles,
    { own: new MemoryKeyValue(), checkpoints: new MemoryKeyValue() },
    () => undefined,
  )
  return {
    files,
    manifest,
    shelf,
    models: new Models({
      runtime,
      manifest: pack,
      files: {} as PackFiles,
      tokenizer,
      shelf,
      onEvent: () => undefined,
      published,
    }),
  }
}

// A miniature is mostly convolutions, which stay in half precision; linear weights are 42 % of BK-SDM.
test.each([
  ['q4f16', 'float16', 30],
  ['int8', 'quantised', 30],
] as const)('%s pictures are those of diffusers with the same graph', async (variant, precision, least) => {
  const { files, manifest, models } = await open(variant)
  expect(manifest.variants).toEqual(['', 'fp16', 'int8', 'q4f16'])
  expect(manifest.model.unet).toMatchObject({ onnx: { path: `unet/model_${variant}.onnx` }, precision })
  await models.prepare({ stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }, none)
  const { pictures } = await models.pipeline.generate(
    files.facts.prompts.map((text, i) => ({ text, seed: files.facts.seeds[i]! })),
    sampler,
    none,
  )
  const rgb = pictures.flatMap((picture) => (picture.status === 'made' ? [...picture.rgb] : []))
  const wanted = readSafetensors(await bytes('../quantised/pictures.safetensors'))
    .tensors.get(variant)!
    .floats()
  const plain = files.golden.tensors.get('DDIMScheduler.4.rgb')!.floats()
  console.log(
    `${variant}: ${psnr(rgb, wanted).toFixed(1)} dB to the same graph in Python (the float32 model: ${psnr(wanted, plain).toFixed(1)} dB)`,
  )
  expect(psnr(rgb, wanted)).toBeGreaterThanOrEqual(least)
  await models.release()
})

test.each(['q4f16', 'int8'])('%s: a LoRA is refused by name, and the note says why', async (variant) => {
  const { manifest, shelf } = await open(variant)
  expect(manifest.notes.join(' ')).toMatch(
    /linear weights are stored in 4 or 8 bits: LoRA files and closed-form alignment cannot be applied to it/,
  )
  const refused = await rejection(shelf.add('lora.safetensors', await bytes('lora.safetensors')))
  expect(refused.code).toBe('ADAPTER_UNMATCHED')
  expect(refused.message).toMatch(/attn\d\.to_/)
})
