/**
 * Miniatures of every supported family (random weights, models/export/fixtures.py) in a real browser against diffusers:
 * same prompts, same seeds of torch's generator, same pictures. PSNR at least 40 dB with float32 graphs, 30 dB with
 * half-precision graphs on WASM; pictures of other seeds lie far below, so the figures mean something.
 */
import { proxy } from 'comlink'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import type {
  EngineEvent,
  ModelChoice,
  ModelManifest,
  ModelVariant,
  PackManifest,
  SamplerSpec,
} from '../../src/core/contracts'
import { AdapterShelf } from '../../src/runtime/storage/adapterShelf'
import type { PackFiles } from '../../src/runtime/storage/files'
import { Models } from '../../src/runtime/generator/models'
import { loadOrt, type OrtRuntime } from '../../src/runtime/ort'
import type { Picture } from '../../src/runtime/generator/pipeline'
import { publishedTokenizer, readRepository } from '../../src/runtime/published/repository'
import { ORT_BASE, TINY_PACK, WASM, rejection, startEngine, workUnit } from '../helpers/engine'
import { bytes, family, filesOf, psnr, sourceOf, type FamilyFiles } from '../helpers/families'
import { MemoryKeyValue } from '../helpers/memoryStore'

const FAMILIES = ['sd1', 'sd2-v', 'sd-turbo', 'lcm', 'sdxs']
const none = new AbortController().signal
const base: ModelVariant = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }

interface Opened {
  manifest: ModelManifest
  models: Models
  shelf: AdapterShelf
  /** Warnings. */ events: string[]
  /** Parts as they were loaded. */ sessions: string[]
}
let runtime: OrtRuntime

async function open(files: FamilyFiles, variant: string | null, oneAtATime = false): Promise<Opened> {
  const source = sourceOf(files)
  const published = filesOf(source)
  const manifest = await readRepository(source, { variant })
  if (!('repository' in manifest.model.tokenizer)) throw new Error('a repository has a tokenizer of its own')
  const tokenizer = await publishedTokenizer(published, manifest.model.tokenizer, files.name)
  const pack = { model: manifest.model, adapters: [] } as unknown as PackManifest
  const events: string[] = []
  const sessions: string[] = []
  const onEvent = (event: EngineEvent) => {
    if (event.type === 'warning') events.push(event.message)
    if (event.type === 'phase' && event.phase === 'session') sessions.push(event.what)
  }
  const shelf = new AdapterShelf(
    pack,
    {} as PackFiles,
    { own: new MemoryKeyValue(), checkpoints: new MemoryKeyValue() },
    onEvent,
  )
  const models = new Models({
    runtime,
    manifest: pack,
    files: {} as PackFiles,
    tokenizer,
    shelf,
    onEvent,
    published,
    oneAtATime,
  })
  await models.prepare(base, none)
  return { manifest, models, shelf, events, sessions }
}

const rgbOf = (pictures: readonly Picture[]) =>
  pictures.flatMap((picture) => (picture.status === 'made' ? [...picture.rgb] : []))

beforeAll(async () => {
  runtime = await loadOrt('wasm', 1, ORT_BASE)
})

describe.each(FAMILIES)('%s', (name) => {
  let files: FamilyFiles
  beforeAll(async () => {
    files = await family(name)
  })

  test.each([
    ['fp32', null, 40],
    ['fp16', 'fp16', 30],
  ] as const)('%s pictures are those of diffusers', async (precision, variant, least) => {
    const { models, manifest, events } = await open(files, variant)
    const requests = files.facts.prompts.map((text, i) => ({ text, seed: files.facts.seeds[i]! }))
    const ids = requests.flatMap(({ text }) => models.pipeline.text.tokenizer.encode(text).ids)
    expect(ids).toEqual([...files.golden.tensors.get('input_ids')!.floats()])
    expect(manifest.model.unet).toMatchObject({ precision: precision === 'fp32' ? 'float32' : 'float16' })
    for (const { scheduler, steps, guidanceScale } of files.facts.runs) {
      const sampler: SamplerSpec = { scheduler, numInferenceSteps: steps, guidanceScale, noise: 'torch' }
      const { pictures } = await models.pipeline.generate(requests, sampler, none)
      const wanted = files.golden.tensors.get(`${scheduler}.${steps}.rgb`)!.floats()
      const quality = psnr(rgbOf(pictures), wanted)
      const half = wanted.length / 2
      const otherSeed = psnr(wanted.subarray(0, half), wanted.subarray(half))
      console.log(
        `${name} ${precision} ${scheduler} ${steps}: ${quality.toFixed(1)} dB (another seed: ${otherSeed.toFixed(1)} dB)`,
      )
      expect(quality, `${scheduler}, ${steps} steps`).toBeGreaterThanOrEqual(least)
      expect(otherSeed).toBeLessThan(least - 10)
    }
    expect(events).toEqual([])
    await models.release()
  })
})

const sampler: SamplerSpec = { scheduler: 'DDIMScheduler', numInferenceSteps: 4, guidanceScale: 5, noise: 'torch' }
const requestsOf = ({ facts }: FamilyFiles) => facts.prompts.map((text, i) => ({ text, seed: facts.seeds[i]! }))

test('a PEFT LoRA merged into external data gives the pictures of diffusers with it', async () => {
  const files = await family('sd1')
  const adapter = await bytes('lora.safetensors')
  const wanted = readSafetensors(await bytes('lora-pictures.safetensors'))
    .tensors.get('DDIMScheduler.4.rgb')!
    .floats()
  for (const [variant, least] of [
    [null, 40],
    ['fp16', 30],
  ] as const) {
    const { models, shelf } = await open(files, variant)
    const { sha256, tensors, rank } = await shelf.add('lora.safetensors', adapter)
    expect([tensors > 30, rank]).toEqual([true, 2])
    const plain = rgbOf((await models.pipeline.generate(requestsOf(files), sampler, none)).pictures)
    await models.prepare({ ...base, stage: 'fine-tuned', fineTune: { kind: 'file', sha256, strength: 1 } }, none)
    const merged = rgbOf((await models.pipeline.generate(requestsOf(files), sampler, none)).pictures)
    console.log(
      `LoRA ${variant ?? 'fp32'}: ${psnr(merged, wanted).toFixed(1)} dB (without it: ${psnr(plain, wanted).toFixed(1)} dB)`,
    )
    expect(psnr(merged, wanted)).toBeGreaterThanOrEqual(least)
    expect(psnr(plain, wanted)).toBeLessThan(least - 5)
    await models.prepare(base, none)
    expect(rgbOf((await models.pipeline.generate(requestsOf(files), sampler, none)).pictures)).toEqual(plain)
    await models.release()
  }
})

test('a half-precision decoder that overflows is replaced by its float32 graph, and that is said', async () => {
  const files = await family('sd1')
  const manifest = await readRepository(sourceOf(files), { variant: 'fp16' })
  const decoder = manifest.model.vaeDecoder
  if (!('onnx' in decoder)) throw new Error('a repository has ONNX parts')
  const weight = decoder.weights.find(({ name }) => name === 'decoder.conv_in.weight')!
  const path = decoder.data[0]!.file.path
  const blob = files.disk.find((file) => file.path === path)!.blob
  // The largest half-precision number everywhere: any sum of them overflows.
  const largest = new Uint16Array(weight.length / 2).fill(0x7bff)
  const broken = new Blob([blob.slice(0, weight.offset), largest, blob.slice(weight.offset + weight.length)])
  const { models, events } = await open(
    { ...files, disk: files.disk.map((file) => (file.path === path ? { path, blob: broken } : file)) },
    'fp16',
  )
  const { pictures } = await models.pipeline.generate(requestsOf(files), sampler, none)
  expect(psnr(rgbOf(pictures), files.golden.tensors.get('DDIMScheduler.4.rgb')!.floats())).toBeGreaterThanOrEqual(30)
  expect(events.join()).toMatch(/decoder overflowed in half precision; it runs in float32/)
  await models.release()
})

test('one part in memory at a time makes the same pictures', async () => {
  const files = await family('sd1')
  const [together, apart] = [await open(files, null), await open(files, null, true)]
  const wanted = rgbOf((await together.models.pipeline.generate(requestsOf(files), sampler, none)).pictures)
  for (const expected of [3, 5]) {
    expect(rgbOf((await apart.models.pipeline.generate(requestsOf(files), sampler, none)).pictures)).toEqual(wanted)
    // Three sessions the first time; the prompts are remembered, so that two more are enough the second time.
    expect(apart.sessions).toHaveLength(expected)
  }
  await together.models.release()
  await apart.models.release()
})

const euler: SamplerSpec = {
  scheduler: 'EulerDiscreteScheduler',
  numInferenceSteps: 1,
  guidanceScale: 0,
  noise: 'torch',
}
const folder = (files: FamilyFiles): ModelChoice => ({
  variant: null,
  source: { kind: 'folder', name: files.name, files: files.disk },
})
const address = (text: string): ModelChoice => ({
  variant: null,
  source: { kind: 'address', text, endpoint: inject('mirror'), token: null },
})

test.each([
  ['a chosen folder', folder, 'folder:sdxs', 'folder:sdxs'],
  [
    'a repository of a hub',
    () => address('hf:mini/sdxs'),
    'hf:mini/sdxs',
    'hf:mini/sdxs@0123456789abcdef0123456789abcdef01234567',
  ],
] as const)('the engine generates with %s and judges with the pack', async (_, choose, id, version) => {
  const files = await family('sdxs')
  const { engine, stop } = startEngine()
  const model = choose(files)
  const described = await engine.describe(model)
  expect(described.manifest.model.image).toEqual({ height: 16, width: 16 })
  expect(described.missing).toBe(id === version ? 0 : described.bytes)
  const pack = await engine.open(
    TINY_PACK,
    { ...WASM, model },
    proxy(() => undefined),
  )
  expect(pack.manifest).toMatchObject({ id, version, adapters: [], measured: null })
  expect(pack.judges.map(({ id: judge }) => judge)).toEqual(['safety', 'clip', 'features'])
  await engine.prepare(
    base,
    pack.manifest.judges.map((judge) => judge.id),
    proxy(() => undefined),
  )
  const { results } = await engine.run(
    requestsOf(files).map(({ text, seed }) => workUnit(text, seed)),
    euler,
  )
  expect(
    results.map((result) => (result.status === 'judged' ? Object.keys(result.judgements).length : result.message)),
  ).toEqual([3, 3])
  const rgb = results.flatMap(({ image }) => (image ? [...image.rgb] : []))
  expect(psnr(rgb, files.golden.tensors.get('EulerDiscreteScheduler.1.rgb')!.floats())).toBeGreaterThanOrEqual(40)
  expect((await engine.describe(model)).missing).toBe(0)
  stop()
})

test('two folders of one name and one size are two models', async () => {
  const files = await family('sdxs')
  const { engine, stop } = startEngine()
  const opened = async (disk: FamilyFiles['disk']) =>
    (
      await engine.open(
        TINY_PACK,
        { ...WASM, model: folder({ ...files, disk }) },
        proxy(() => undefined),
      )
    ).manifestSha256
  const first = await opened(files.disk)
  const changed = await Promise.all(
    files.disk.map(async (file) => {
      if (file.path !== 'unet/model.onnx') return file
      const data = new Uint8Array(await file.blob.arrayBuffer())
      // The graph can still be read.
      data.set([(data.at(-1) ?? 0) ^ 1], data.length - 1)
      return { ...file, blob: new Blob([data]) }
    }),
  )
  expect(await opened(changed)).not.toBe(first)
  expect(await opened(files.disk.map((file) => ({ ...file })))).toBe(first)
  stop()
})

test('a hub repository of PyTorch weights is refused in one sentence', async () => {
  const { engine, stop } = startEngine()
  const refused = await rejection(engine.describe(address('hf:owner/torch')))
  expect(refused.code).toBe('SOURCE_UNSUITABLE')
  expect(refused.message).toMatch(/"hf:owner\/torch" cannot be used: it holds PyTorch weights only/)
  stop()
})
