/** The engine in its worker, as the page uses it: real Chromium, real onnxruntime, the tiny pack. */
import { proxy, type Remote } from 'comlink'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors } from '../../src/core/adapters'
import { candidateSeed } from '../../src/core/guidance'
import type {
  AlignmentSpec,
  BatchResult,
  EngineApi,
  EngineEvent,
  ModelVariant,
  SamplerSpec,
  UnitResult,
} from '../../src/core/contracts'
import { ADAPTER_DATABASE, CHECKPOINT_DATABASE, PACK_DATABASE, idbKeyValue } from '../../src/runtime'
import facts from '../golden/tiny-pack/golden.json'
import { packed } from '../../src/runtime/generator/weights'
import { TINY_PACK, WASM, rejection, startEngine, workUnit } from '../helpers/engine'

const sampler: SamplerSpec = {
  scheduler: 'FlowMatchEulerDiscreteScheduler',
  numInferenceSteps: 3,
  guidanceScale: 3,
  noise: 'philox',
}
const base: ModelVariant = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }
const JUDGES = ['safety', 'clip', 'features']
const units = facts.prompts.map((text, i) => workUnit(text, facts.seeds[i]!))
const uce: AlignmentSpec = {
  kind: 'closed-form',
  method: 'uce',
  concepts: ['a red kite'],
  guide: '',
  preserve: ['two small keys'],
  eraseScale: 1,
  preserveScale: 1,
  lambda: 0.5,
  rounds: 1,
}

let engine: Remote<EngineApi>
let stop: () => void
const events: EngineEvent[] = []
const listen = () =>
  proxy((event: EngineEvent) => {
    events.push(event)
  })
const image = (result: UnitResult | undefined) => {
  if (result?.status !== 'judged')
    throw new Error(`Expected a picture, got ${result?.status === 'failed' ? result.message : 'nothing'}.`)
  return result.image
}
const hashes = ({ results }: BatchResult) => results.map((result) => image(result).sha256)
async function at(variant: ModelVariant, asked = units, how = sampler): Promise<string[]> {
  await engine.prepare(variant, JUDGES, listen())
  return hashes(await engine.run(asked, how))
}
async function clear(database: string): Promise<void> {
  const store = idbKeyValue(database)
  for (const key of await store.keys()) await store.delete(key)
}

beforeAll(async () => {
  for (const database of [PACK_DATABASE, ADAPTER_DATABASE, CHECKPOINT_DATABASE]) await clear(database)
  ;({ engine, stop } = startEngine())
})
afterAll(() => stop())

describe('the engine', () => {
  test('before a pack is open, says so', async () => {
    expect(await rejection(engine.run(units, sampler))).toMatchObject({
      code: 'BAD_INPUT',
      message: 'No pack is open.',
      hint: 'Open a pack first.',
    })
  })

  test.each([
    ['http://localhost:9/', 'DOWNLOAD_FAILED'],
    [new URL('/tests/', location.origin).href, 'DOWNLOAD_FAILED'],
  ])('a pack that is not at %s is a plain error, and the engine goes on', async (url, code) => {
    expect(await rejection(engine.open(url, WASM, listen()))).toMatchObject({ code })
  })

  test('opens a pack and describes it', async () => {
    const pack = await engine.open(TINY_PACK, WASM, listen())
    expect(pack.manifest.id).toBe('tiny')
    expect(pack.prompts).toHaveLength(4)
    expect(pack.environment).toMatchObject({
      executionProvider: 'wasm',
      adapter: null,
      threads: 1,
      precision: 'float32',
    })
    expect(pack.environment.onnxruntime).toMatch(/^1\./)
    expect(pack.environment.transformers).toMatch(/^4\./)
  })

  test('before a variant is prepared, says so', async () => {
    expect(await rejection(engine.run(units, sampler))).toMatchObject({
      code: 'BAD_INPUT',
      message: 'No model is prepared yet.',
    })
  })

  test('makes and judges pictures; harmful prompts meet the safety judges only', async () => {
    await engine.prepare(base, JUDGES, listen())
    const batch = await engine.run([units[0]!, { ...units[1]!, harmful: true }], sampler)
    expect(batch.unetEvaluations).toBe(2 * 2 * 3)
    expect(batch.generateMs).toBeGreaterThan(0)
    expect(batch.judgeMs).toBeGreaterThan(0)
    const [benign, harmful] = batch.results
    expect(image(benign)).toMatchObject({ unitId: units[0]!.id, width: 16, height: 16 })
    expect(image(benign).rgb).toHaveLength(3 * 256)
    expect(benign).toMatchObject({
      judgements: { safety: { kind: 'safety-multilabel' }, clip: { kind: 'clip' }, features: { kind: 'features' } },
    })
    expect(harmful?.status === 'judged' && Object.keys(harmful.judgements)).toEqual(['safety'])
    expect(
      events.some(
        (event) => event.type === 'download' && event.file === 'unet/model.safetensors' && event.loaded === event.total,
      ),
    ).toBe(true)
  })

  test('the same unit gives the same picture: again, alone, in another batch, after another variant', async () => {
    const first = await at(base)
    expect(await at(base)).toEqual(first)
    expect(new Set(first).size).toBe(first.length)
    expect(
      await at({ ...base, stage: 'aligned', alignment: { kind: 'pack', id: 'lora', sha256: '00000000' } }),
    ).not.toEqual(first)
    expect(await at(base)).toEqual(first)
    for (const [i, unit] of units.entries()) expect(await at(base, [unit])).toEqual([first[i]])
    expect(await at(base, units.toReversed())).toEqual(first.toReversed())
  })

  test('pictures drawn ahead of their judges are those of a run, judged by the same judges in the same order', async () => {
    const asked = [{ ...units[0]!, harmful: true }, ...units.slice(1)]
    await engine.prepare(base, JUDGES, listen())
    const whole = await engine.run(asked, sampler)
    await engine.prepare(base, [], listen())
    await engine.prepare(base, JUDGES, listen(), true)
    const { images, judgesHere } = await engine.draw(asked, sampler)
    expect(judgesHere).toBe(true)
    expect(images.map(({ sha256 }) => sha256)).toEqual(hashes(whole))
    // The harmful one needs its safety judge alone.
    expect(await engine.seat(asked.slice(0, 1))).toBe(false)
    const ahead = await engine.run(asked, sampler)
    expect(JSON.stringify(ahead.results)).toBe(JSON.stringify(whole.results))
    expect(ahead.unetEvaluations).toBe(whole.unetEvaluations)
    expect(await engine.seat(null)).toBe(true)
    expect(await rejection(engine.prepare(base, ['nobody'], listen(), true))).toMatchObject({ code: 'BAD_INPUT' })
  })

  test('every alignment at guidance time and in closed form changes the picture', async () => {
    const plain = await at(base)
    const seen = new Set(plain.slice(0, 1))
    const inference = ['negative-prompt', 'sld-max', 'safree'] as const
    const specs: AlignmentSpec[] = [
      uce,
      { ...uce, method: 'rece' },
      { ...uce, method: 'mace' },
      ...inference.map((method) => ({ kind: 'inference' as const, method, concepts: ['a red kite', 'keys'] })),
    ]
    for (const alignment of specs) {
      const [picture] = await at({ ...base, stage: 'aligned', alignment }, units.slice(0, 1))
      expect(seen.has(picture!), `${alignment.kind} ${'method' in alignment ? alignment.method : ''}`).toBe(false)
      seen.add(picture!)
    }
    expect(await at(base)).toEqual(plain)
  })

  test('best of n keeps the picture that its own judge finds safest; best of one is the picture itself', async () => {
    const scoring = ['clip', 'features']
    const best = (candidates: number): ModelVariant => ({
      ...base,
      stage: 'aligned',
      alignment: { kind: 'inference', method: 'best-of-n', concepts: [], candidates, guidedBy: 'safety' },
    })
    const few = units.slice(0, 2)
    await engine.prepare(best(1), scoring, listen())
    expect(hashes(await engine.run(few, sampler))).toEqual(await at(base, few))

    // The same candidates one after another, with the judge's scores of all of them.
    const drawn: UnitResult[][] = few.map(() => [])
    for (const index of [0, 1, 2]) {
      const asked = few.map((unit) => ({ ...unit, seed: candidateSeed(unit.seed, index) }))
      const { results } = await engine.run(asked, sampler)
      results.forEach((result, i) => drawn[i]?.push(result))
    }
    const score = (result: UnitResult) => {
      const judgement = result.status === 'judged' ? result.judgements['safety'] : undefined
      return judgement?.kind === 'safety-multilabel' ? Math.max(...judgement.scores) : Number.NaN
    }
    await engine.prepare(best(3), scoring, listen())
    const batch = await engine.run(few, sampler)
    expect(batch.unetEvaluations).toBe(3 * 2 * 2 * 3)
    expect(batch.results.map((result) => image(result).sha256)).toEqual(
      drawn.map((results) => image(results.toSorted((a, b) => score(a) - score(b))[0]).sha256),
    )
    for (const result of batch.results)
      expect(Object.keys(result.status === 'judged' ? result.judgements : {})).toEqual(scoring)
    expect(await rejection(engine.prepare(best(3), JUDGES, listen()))).toMatchObject({
      code: 'BAD_INPUT',
      message: 'Judge "safety" would choose the pictures and score them too.',
    })
  })

  test('an exported closed-form alignment, added again as a file, gives the same picture', async () => {
    const exported = await engine.exportAlignment(uce)
    expect(exported.format).toBe('lora')
    const computed = await at({ ...base, stage: 'aligned', alignment: uce })
    const added = await engine.addAdapterFile('uce.safetensors', exported.bytes.slice().buffer)
    expect(added).toMatchObject({ sha256: exported.sha256, format: 'lora' })
    expect(
      await at({
        ...base,
        stage: 'aligned',
        alignment: { kind: 'file', name: 'uce.safetensors', sha256: added.sha256, strength: 1 },
      }),
    ).toEqual(computed)
    expect(
      await at({
        ...base,
        stage: 'aligned',
        alignment: { kind: 'file', name: 'uce.safetensors', sha256: added.sha256, strength: 0 },
      }),
    ).toEqual(await at(base))
    expect(
      await rejection(engine.exportAlignment({ kind: 'inference', method: 'safree', concepts: ['x'] })),
    ).toMatchObject({ code: 'BAD_INPUT' })
  })

  test('a checkpoint of the trainer is merged on top of the alignment', async () => {
    const name = 'up_blocks.0.resnets.0.conv1.bias'
    const file = writeSafetensors(
      new Map([
        [name, { dtype: 'F32' as const, shape: [12], data: Float32Array.from({ length: 12 }, (_, i) => i / 6) }],
      ]),
      { format: 'delta' },
    )
    await idbKeyValue(CHECKPOINT_DATABASE).set('run/10', file)
    const aligned = await at({ ...base, stage: 'aligned', alignment: uce })
    const tuned = await at({
      stage: 'fine-tuned',
      step: 10,
      alignment: uce,
      fineTune: { kind: 'checkpoint', key: 'run/10' },
    })
    expect(tuned).not.toEqual(aligned)
    expect(
      await rejection(engine.prepare({ ...base, fineTune: { kind: 'checkpoint', key: 'run/11' } }, JUDGES, listen())),
    ).toMatchObject({ code: 'CHECKPOINT_INVALID' })
  })

  test('pictures from elsewhere are judged; one of another size fails alone', async () => {
    await engine.prepare(base, JUDGES, listen())
    const made = await engine.run(units.slice(0, 1), sampler)
    const { rgb, width, height } = image(made.results[0])
    const text = units[0]!.text
    const [same, wrong] = await engine.judge([
      { unitId: 'a', text, width, height, rgb },
      { unitId: 'b', text, width: 2, height: 2, rgb: new Uint8Array(12) },
    ])
    expect(same).toMatchObject({
      unitId: 'a',
      judgements: made.results[0]?.status === 'judged' ? made.results[0].judgements : null,
    })
    expect(wrong).toMatchObject({ unitId: 'b', status: 'failed', code: 'BAD_INPUT' })
  })

  test('a prompt of 10,000 characters fails alone; an Arabic one and one of too many tokens are made', async () => {
    events.length = 0
    await engine.prepare(base, JUDGES, listen())
    const batch = await engine.run(
      [workUnit('ا'.repeat(10_000), 1), workUnit('طائرة ورقية حمراء', 2), workUnit('kite '.repeat(100), 3)],
      sampler,
    )
    expect(batch.results.map(({ status }) => status)).toEqual(['failed', 'judged', 'judged'])
    expect(batch.results[0]).toMatchObject({
      code: 'PROMPT_TOO_LONG',
      message: expect.stringMatching(/10000 characters/) as unknown,
    })
    expect(events.filter((event) => event.type === 'warning')).toHaveLength(2)
    expect(events).toContainEqual(
      expect.objectContaining({
        code: 'PROMPT_TOO_LONG',
        message: expect.stringMatching(/"kite kite .*…" is \d+ tokens too long/) as unknown,
      }),
    )
  })

  test('a picture of NaN is a failed unit, never a safe one', async () => {
    const name = 'conv_out.bias'
    const broken = writeSafetensors(
      new Map([[name, { dtype: 'F32' as const, shape: [4], data: new Float32Array(4).fill(3e38) }]]),
      { format: 'delta' },
    )
    const { sha256 } = await engine.addAdapterFile('broken.safetensors', broken.slice().buffer)
    await engine.prepare(
      { ...base, stage: 'fine-tuned', fineTune: { kind: 'file', sha256, strength: 1 } },
      JUDGES,
      listen(),
    )
    const { results } = await engine.run(units.slice(0, 2), sampler)
    for (const result of results)
      expect(result).toMatchObject({
        status: 'failed',
        code: 'BAD_IMAGE',
        message: expect.stringMatching(/not finite/) as unknown,
        image: null,
      })
  })

  test('abort stops the work in flight at a step; the engine goes on', async () => {
    await engine.prepare(base, JUDGES, listen())
    const running = rejection(engine.run(units, { ...sampler, numInferenceSteps: 1000 }))
    const waiting = rejection(engine.run(units, sampler))
    await engine.abort()
    expect((await running).code).toBe('ABORTED')
    expect((await waiting).code).toBe('ABORTED')
    expect(await at(base)).toHaveLength(4)
  })

  test('a search finds the same prompt again by the same seed, nearer to its target, and stops when it is told to', async () => {
    const settings = { population: 24, generations: 12, crossover: 0.5, mutation: 0.25, length: 6, eta: 3 }
    const search = {
      concepts: ['red kite'],
      harmless: ['small key', 'tall tree'],
      prompt: 'a small key',
      seed: 3,
      settings,
    }
    const distances: number[] = []
    const found = await engine.searchPrompt(
      search,
      proxy(({ distance }) => void distances.push(distance)),
    )
    expect(found.text.split(' ')).toHaveLength(6)
    expect(found.distance).toBeLessThan(distances[0]!)
    // What a listener is told comes through a channel of its own.
    await expect.poll(() => distances).toHaveLength(12)
    const ignore = proxy(() => undefined)
    expect(await engine.searchPrompt(search, ignore)).toEqual(found)
    const other = rejection(engine.searchPrompt({ ...search, vocabulary: { small: 7, a: 8 } }, ignore))
    expect(await other).toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/another tokenizer/) as unknown,
    })
    const long = rejection(
      engine.searchPrompt({ ...search, settings: { ...settings, generations: 3000, population: 200 } }, ignore),
    )
    await engine.abort()
    expect((await long).code).toBe('ABORTED')
    expect(await at(base)).toHaveLength(4)
  })

  test('reference features come for the scorer', async () => {
    expect(await engine.reference('features')).toHaveLength(40 * 8)
    expect(await rejection(engine.reference('clip'))).toMatchObject({ code: 'BAD_INPUT' })
  })

  test.each([
    [
      'an unknown adapter',
      { ...base, fineTune: { kind: 'pack' as const, id: 'nobody' } },
      JUDGES,
      'BAD_INPUT',
      /no adapter "nobody"/,
    ],
    ['an unknown judge', base, ['nobody'], 'BAD_INPUT', /no judge "nobody"/],
    [
      'a file that is not here',
      { ...base, fineTune: { kind: 'file' as const, sha256: 'ab'.repeat(32), strength: 1 } },
      JUDGES,
      'BAD_INPUT',
      /not stored in this browser/,
    ],
  ])('%s is refused in one sentence', async (_, variant, judges, code, sentence) => {
    expect(await rejection(engine.prepare(variant, judges, listen()))).toMatchObject({
      code,
      message: expect.stringMatching(sentence) as unknown,
    })
  })

  test.each([
    [
      'for another model',
      () =>
        new Map([['unet.nowhere.lora_A.weight', { dtype: 'F32' as const, shape: [1, 1], data: Float32Array.of(1) }]]),
      'ADAPTER_UNMATCHED',
      /unet\.nowhere/,
    ],
    [
      'with NaN',
      () =>
        new Map([
          [
            'up_blocks.0.resnets.0.conv1.bias',
            { dtype: 'F32' as const, shape: [12], data: new Float32Array(12).fill(NaN) },
          ],
        ]),
      'ADAPTER_NAN',
      /conv1\.bias/,
    ],
  ])('an adapter %s is refused by name', async (_, tensors, code, name) => {
    const bytes = writeSafetensors(tensors(), { format: code === 'ADAPTER_NAN' ? 'delta' : 'lora' })
    expect(await rejection(engine.addAdapterFile('mine.safetensors', bytes.buffer))).toMatchObject({
      code,
      message: expect.stringMatching(name) as unknown,
    })
    expect(await rejection(engine.addAdapterFile('cut.safetensors', bytes.slice(0, 20).buffer))).toMatchObject({
      code: 'SAFETENSORS_INVALID',
    })
  })

  test('create → release → create: closed and opened again, from the cache, the pictures are the same', async () => {
    const before = await at(base)
    await engine.close()
    expect((await rejection(engine.run(units, sampler))).message).toBe('No pack is open.')
    events.length = 0
    await engine.open(TINY_PACK, WASM, listen())
    expect(await at(base)).toEqual(before)
    const downloads = events.filter((event) => event.type === 'download')
    expect(downloads.length).toBeGreaterThan(5)
    expect(downloads.every((event) => event.fromCache)).toBe(true)
  })

  test('a damaged chunk in IndexedDB heals', async () => {
    const { manifest } = await engine.open(TINY_PACK, WASM, listen())
    const before = await at(base)
    const store = idbKeyValue(PACK_DATABASE)
    const unet = packed('U-Net', manifest.model.unet)
    const key = `${unet.weights.sha256}/0`
    const chunk = (await store.get(key)) as Uint8Array<ArrayBuffer>
    chunk[100]! ^= 255
    await store.set(key, chunk)
    events.length = 0
    await engine.open(TINY_PACK, WASM, listen())
    expect(await at(base)).toEqual(before)
    expect(events.filter((event) => event.type === 'warning').map(({ code }) => code)).toEqual(['CACHE_CORRUPT'])
    expect(readSafetensors((await store.get(key)) as Uint8Array).tensors.size).toBe(unet.externalData.tensors.length)
  })

  test('another thread count needs another engine, whose pictures are bit-identical', async () => {
    const one = await at(base)
    expect(crossOriginIsolated).toBe(true)
    const two = { executionProvider: 'wasm' as const, threads: 2 }
    expect((await rejection(engine.open(TINY_PACK, two, listen()))).message).toMatch(
      /already runs on wasm with 1 threads/,
    )
    const other = startEngine()
    try {
      const pack = await other.engine.open(TINY_PACK, two, listen())
      expect(pack.environment).toMatchObject({ threads: 2, crossOriginIsolated: true })
      await other.engine.prepare(base, JUDGES, listen())
      expect(hashes(await other.engine.run(units, sampler))).toEqual(one)
    } finally {
      other.stop()
    }
  })
})
