/**
 * Every judge of the paper, end to end: the miniature's graph made by the export script, preprocessing of pictures of
 * several sizes, the network on onnxruntime-web, the reading of its output; against what Python says of the same pictures
 * (tests/golden/judges, made by models/judges/fixtures.py).
 */
import { FEATURE_STEPS, PROBABILITY_STEPS } from '../../src/core/scoring/grid'
import * as v from 'valibot'
import { beforeAll, describe, expect, test } from 'vitest'
import type { SafetensorsFile } from '../../src/core/adapters'
import { JudgeSchema, type Judge } from '../../src/core/contracts'
import { PackFiles } from '../../src/runtime/storage/files'
import { loadJudge } from '../../src/runtime/judges/judgeLoading'
import { type Answer, type JudgedPicture, type LoadedJudge } from '../../src/runtime/judges/judges'
import { loadOrt, type OrtRuntime } from '../../src/runtime/ort'
import { VisionLanguageRunner } from '../../src/runtime/judges/visionLanguage'
import { ORT_BASE, golden, maxDifference, rejection } from '../helpers/engine'
import { MemoryKeyValue } from '../helpers/memoryStore'

const FOLDER = new URL('/tests/golden/judges/', location.origin).href
/** The texts of fixtures.py. */
const TEXTS = [
  'a red kite',
  'two small keys',
  'an old map of the sea',
  'a kite over an old house by the sea, with many small boats',
]
/** Of logits, and of a picture alone against one in company: rounding to the record's grid and another runtime's arithmetic. */
const TOLERANCE = 1e-3
const none = new AbortController().signal

let runtime: OrtRuntime
beforeAll(async () => {
  runtime = await loadOrt('wasm', 1, ORT_BASE)
})

interface Mini {
  judge: Judge
  pictures: JudgedPicture[]
  values: SafetensorsFile
  floats(name: string): Float32Array
  load(edit?: (judge: Judge) => Judge): Promise<LoadedJudge>
}

async function open(name: string): Promise<Mini> {
  const base = `${FOLDER}${name}/`
  const judge = v.parse(JudgeSchema, await (await fetch(`${base}manifest.json`)).json())
  const values = await golden(`${FOLDER}${name}.safetensors`)
  const pictures = [...values.tensors]
    .filter(([key]) => key.startsWith('picture.'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, tensor], i) => {
      const [height = 0, width = 0] = tensor.shape
      return { text: TEXTS[i] ?? '', width, height, rgb: Uint8Array.from(tensor.bytes) }
    })
  const files = new PackFiles({ baseUrl: base, store: new MemoryKeyValue(), onEvent: () => undefined })
  return {
    judge,
    pictures,
    values,
    floats: (key) => values.tensors.get(key)!.floats(),
    load: (edit = (one) => one) =>
      loadJudge({ runtime, files, tokenizer: null, onEvent: () => undefined }, edit(judge), none),
  }
}

function numbers(answer: Answer): readonly number[] {
  if (answer instanceof Error) throw answer
  switch (answer.kind) {
    case 'safety-multilabel':
      return answer.scores
    case 'clip':
      return [answer.cosine]
    case 'features':
      return answer.features
  }
}

describe('a judge in the browser says what it says in Python', () => {
  test.each([
    ['clip', 'cosine'],
    ['q16', 'probability'],
    ['classifier', 'probabilities'],
    ['nudenet', 'scores'],
    ['inception', 'features'],
  ])('%s', async (name, key) => {
    const mini = await open(name)
    const wanted = mini.floats(key)
    // Golden values that are all alike would agree with anything.
    expect(new Set([...wanted].map((value) => value.toFixed(2))).size).toBeGreaterThan(2)
    const loaded = await mini.load()
    const answers = await loaded.judgeAll(mini.pictures)
    const difference = maxDifference(answers.flatMap(numbers), wanted)
    console.log(
      `${name}: largest difference to Python ${difference.toExponential(1)} on ${mini.pictures.length} pictures`,
    )
    // 1e-4 relative to the largest value, beside half a step of the grid that answers are recorded on.
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(difference).toBeLessThanOrEqual(
      0.5 / (key === 'features' ? FEATURE_STEPS : PROBABILITY_STEPS) + 1e-4 * largest,
    )
    // One picture alone is judged as in company.
    expect(
      maxDifference(
        (await loaded.judgeAll(mini.pictures.slice(1, 2))).flatMap(numbers),
        answers.slice(1, 2).flatMap(numbers),
      ),
    ).toBeLessThanOrEqual(TOLERANCE)
    await loaded.release()
  })
})

describe('a vision-language judge', () => {
  test('generates the tokens that transformers generates, and its answers are parsed strictly', async () => {
    const mini = await open('vision-language')
    const loaded = await mini.load()
    if (!(loaded instanceof VisionLanguageRunner)) throw new Error('Another kind of judge was loaded.')
    const verdicts: string[] = []
    for (const [i, picture] of mini.pictures.entries()) {
      const { ids, text } = await loaded.ask(picture)
      expect(ids).toEqual([...mini.floats(`ids.${i}`)])
      const { inputs } = await loaded['present'](picture)
      const { logits } = (await loaded['model'](inputs)) as { logits: { data: Float32Array; dims: number[] } }
      const difference = maxDifference(logits.data.slice(-logits.dims.at(-1)!), mini.floats(`logits.${i}`))
      console.log(`vision-language: logits ${difference.toExponential(1)} from Python's; "${text}"`)
      expect(difference).toBeLessThanOrEqual(TOLERANCE)
    }
    const answers = await loaded.judgeAll(mini.pictures)
    for (const answer of answers) verdicts.push(answer instanceof Error ? 'failed' : numbers(answer).join(' '))
    // Blue is safe, red is unsafe by its category, and of grey it "cannot tell": failed, never safe.
    expect(verdicts).toEqual(['0 0', '0 1', 'failed', '0 0', '0 1'])
    expect(answers[2]).toMatchObject({
      code: 'JUDGE_FAILED',
      message: expect.stringMatching(/it is no JSON.*I cannot tell/) as unknown,
    })
    await loaded.release()
  })

  test('is refused in one sentence when a file is missing, or its prompt has no place for the picture', async () => {
    const mini = await open('vision-language')
    const change = (edit: (judge: Extract<Judge, { kind: 'vision-language' }>) => Partial<Judge>) =>
      mini.load((judge) => {
        if (judge.kind !== 'vision-language') throw new Error('Another kind of judge was loaded.')
        return { ...judge, ...edit(judge) } as Judge
      })
    expect(
      await rejection(change(({ files }) => ({ files: files.filter(({ path }) => path !== 'tokenizer.json') }))),
    ).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/lacks the file "tokenizer.json"/) as unknown,
    })
    expect(
      await rejection(
        change(({ files }) => ({ files: files.filter(({ path }) => path !== 'onnx/vision_encoder.onnx') })),
      ),
    ).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/lacks the file "onnx\/vision_encoder.onnx"/) as unknown,
    })
    expect(
      await rejection(
        change(({ files }) => ({
          files: files.map((file) =>
            file.path === 'onnx/embed_tokens.onnx' ? { ...file, sha256: '0'.repeat(64) } : file,
          ),
        })),
      ),
    ).toMatchObject({ code: 'HASH_MISMATCH' })
    expect(await rejection(change(() => ({ prompt: 'Is it safe?' })))).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/must hold <image> exactly once/) as unknown,
    })
  })
})

describe('judges that do not fit are refused in one sentence', () => {
  test('a tokenizer that lacks its file', async () => {
    const mini = await open('clip')
    const found = await rejection(
      mini.load((judge) =>
        judge.kind === 'clip' ? { ...judge, tokenizer: { ...judge.tokenizer!, files: [] } } : judge,
      ),
    )
    expect(found).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: 'The manifest lists no tokenizer.json for the tokenizer of judge mini-clip.',
    })
    expect(
      await rejection(mini.load((judge) => (judge.kind === 'clip' ? { ...judge, tokenizer: undefined } : judge))),
    ).toMatchObject({ code: 'MANIFEST_INVALID', message: 'The manifest of judge mini-clip names no tokenizer.' })
  })

  test('the graph of another judge', async () => {
    const [clip, features] = [await open('clip'), await open('inception')]
    const loaded = await clip.load((judge) =>
      judge.kind === 'clip'
        ? {
            id: 'wrong',
            title: '',
            licence: '',
            source: '',
            axis: 'S',
            kind: 'classifier',
            preprocessing: judge.preprocessing,
            model: judge.image,
            labels: ['a', 'b'],
            unsafe: ['b'],
            threshold: 0.5,
          }
        : judge,
    )
    expect(await rejection(loaded.judgeAll(clip.pictures))).toMatchObject({
      code: 'GRAPH_MISMATCH',
      message: expect.stringMatching(/Judge wrong gives 24 numbers per picture for 2 labels/) as unknown,
    })
    await loaded.release()
    const other = await features.load((judge) => (judge.kind === 'features' ? { ...judge, dimension: 2048 } : judge))
    expect(await rejection(other.judgeAll(features.pictures.slice(0, 1)))).toMatchObject({
      code: 'GRAPH_MISMATCH',
      message: expect.stringMatching(/for 2048 features of its manifest/) as unknown,
    })
    await other.release()
  })

  test('a class NudeNet does not have', async () => {
    const mini = await open('nudenet')
    expect(
      await rejection(
        mini.load((judge) => (judge.kind === 'nudenet' ? { ...judge, unsafe: ['KNEE_EXPOSED'] } : judge)),
      ),
    ).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/"KNEE_EXPOSED", which NudeNet 3.4 does not have/) as unknown,
    })
  })

  test('bytes that are no graph', async () => {
    const mini = await open('q16')
    expect(
      await rejection(
        mini.load((judge) => (judge.kind === 'q16' ? { ...judge, image: { onnx: judge.prompts } } : judge)),
      ),
    ).toMatchObject({ code: 'GRAPH_MISMATCH' })
  })
})
