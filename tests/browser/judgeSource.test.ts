/** Judges beside a pack's own: from a folder on disk, from a web folder, from a card whose files are named by path alone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Remote, proxy } from 'comlink'
import type { EngineApi, JudgeChoice, ReferenceChoice } from '../../src/core/contracts'
import { TINY_PACK, WASM, golden, maxDifference, rejection, startEngine } from '../helpers/engine'

const FOLDER = new URL('/tests/golden/judges/', location.origin).href
const onEvent = proxy(() => undefined)

let engine: Remote<EngineApi>
let stop: () => void
beforeAll(() => {
  ;({ engine, stop } = startEngine())
})
afterAll(() => stop())

interface Manifest {
  id: string
  model: { onnx: { path: string; bytes: number; sha256: string } }
}
const manifest = async (name: string) => (await (await fetch(`${FOLDER}${name}/manifest.json`)).json()) as Manifest

/** The tiny pack opened with these judges. */
const open = async (judges: JudgeChoice[], reference?: ReferenceChoice) =>
  engine.open(TINY_PACK, { ...WASM, judges, ...(reference && { reference }) }, onEvent)
const BASE = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } } as const

/** A folder as the file picker gives it; `change` edits the bytes of a file. */
async function folder(
  name: string,
  paths: readonly string[],
  change: (path: string, bytes: ArrayBuffer) => BlobPart = (_, bytes) => bytes,
): Promise<JudgeChoice['source']> {
  const files = await Promise.all(
    paths.map(async (path) => ({
      path,
      blob: new Blob([change(path, await (await fetch(`${FOLDER}${name}/${path}`)).arrayBuffer())]),
    })),
  )
  return { kind: 'folder', name, files }
}

async function pictures(name: string) {
  const values = await golden(`${FOLDER}${name}.safetensors`)
  const shown = [...values.tensors]
    .filter(([key]) => key.startsWith('picture.'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([
        unitId,
        {
          shape: [height = 0, width = 0],
          bytes,
        },
      ]) => ({ unitId, text: '', width, height, rgb: Uint8Array.from(bytes) }),
    )
  return { shown, values }
}

describe("judges of the user's own", () => {
  test('a folder that the export scripts wrote', async () => {
    const pack = await open([
      { description: null, source: await folder('classifier', ['manifest.json', 'model.onnx']) },
    ])
    // It judges safety in the place of the pack's own judge; the other axes stay the pack's.
    expect(pack.manifest.judges.map(({ id }) => id)).toEqual(['clip', 'features', 'mini-classifier'])
    expect(pack.judges.map(({ id }) => id)).toEqual(['clip', 'features', 'mini-classifier'])
    expect(pack.judges[2]).toMatchObject({
      kind: 'safety-multilabel',
      id: 'mini-classifier',
      labels: ['normal', 'nsfw'],
      unsafe: ['nsfw'],
      threshold: 0.5,
      recall: null,
    })
    await engine.prepare(BASE, ['mini-classifier'], onEvent)
    const { shown, values } = await pictures('classifier')
    const results = await engine.judge(shown)
    const scores = results.flatMap((result) => {
      const answer = result.status === 'judged' ? result.judgements['mini-classifier'] : undefined
      return answer?.kind === 'safety-multilabel' ? answer.scores : []
    })
    expect(maxDifference(scores, values.tensors.get('probabilities')!.floats())).toBeLessThan(1e-3)
  })

  test('a folder on a web server', async () => {
    const choice: JudgeChoice = {
      description: null,
      source: { kind: 'address', address: { kind: 'url', baseUrl: `${FOLDER}inception/` }, endpoint: '', token: null },
    }
    const pack = await open([choice])
    expect(pack.judges.find(({ kind }) => kind === 'features')).toMatchObject({ id: 'mini-inception', reference: null })
    const { shown, values } = await pictures('inception')
    const features = await engine.features('mini-inception', shown)
    expect(maxDifference(features, values.tensors.get('features')!.floats())).toBeLessThan(1e-3)
    // With a reference of the user's own the facts name it, and one of another network is refused.
    const reference = {
      name: 'mine',
      sha256: 'a'.repeat(64),
      n: 4,
      dimension: features.length / shown.length,
      moments: false,
    }
    const measured = await open([choice], reference)
    expect(measured.judges.find(({ kind }) => kind === 'features')).toMatchObject({
      reference: { sha256: reference.sha256, n: 4 },
      bounds: [],
    })
    expect(await rejection(open([choice], { ...reference, dimension: 64 }))).toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(
        /of 64 features a picture, and the quality judge mini-inception gives 90/,
      ) as unknown,
    })
  })

  test('a card: bytes and hashes come from the source', async () => {
    const { model, ...rest } = await manifest('nudenet')
    const description = { ...rest, id: 'card', model: { onnx: { path: model.onnx.path } } }
    const pack = await open([{ description, source: await folder('nudenet', ['320n.onnx']) }])
    expect(pack.manifest.judges.at(-1)).toMatchObject({ id: 'card', model: { onnx: model.onnx } })
  })

  test('what is wrong is said in one sentence', async () => {
    const refused = async (choice: JudgeChoice) => rejection(open([choice]))
    const whole = ['manifest.json', 'model.onnx']
    expect(await refused({ description: null, source: await folder('classifier', ['model.onnx']) })).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      message: expect.stringMatching(/has no file "manifest.json"/) as unknown,
    })
    expect(
      await refused({ description: null, source: await folder('classifier', whole, () => '<html>') }),
    ).toMatchObject({ code: 'MANIFEST_INVALID', message: expect.stringMatching(/no valid JSON/) as unknown })
    expect(
      await refused({
        description: { ...(await manifest('classifier')), labels: ['one'] },
        source: await folder('classifier', whole),
      }),
    ).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/unsafe classes must be among the labels/) as unknown,
    })
    expect(
      await refused({
        description: { ...(await manifest('classifier')), model: { onnx: { path: 'onnx/other.onnx' } } },
        source: await folder('classifier', whole),
      }),
    ).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: 'The source of judge mini-classifier has no file "onnx/other.onnx".',
    })
    const twice: JudgeChoice = { description: null, source: await folder('classifier', whole) }
    expect(await rejection(open([twice, twice]))).toMatchObject({
      code: 'BAD_INPUT',
      message: 'The judge "mini-classifier" was added twice.',
    })
    expect(
      await refused({
        description: { ...(await manifest('classifier')), id: 'clip' },
        source: await folder('classifier', whole),
      }),
    ).toMatchObject({ code: 'BAD_INPUT', message: 'The pack "tiny" has a judge "clip" of its own.' })
  })

  test('a graph that was changed after its export is not run', async () => {
    const source = await folder('classifier', ['manifest.json', 'model.onnx'], (path, bytes) =>
      path === 'model.onnx' ? bytes.slice(0, -1) : bytes,
    )
    await open([{ description: null, source }])
    expect(await rejection(engine.prepare(BASE, ['mini-classifier'], onEvent))).toMatchObject({ code: 'HASH_MISMATCH' })
  })
})
