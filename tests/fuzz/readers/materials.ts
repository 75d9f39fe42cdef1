/** What models and judges are made of: manifests, cards, tensors, graphs, configurations, tokenizers, addresses, pictures. */
import * as v from 'valibot'
import { readFileSync } from 'node:fs'
import {
  applyAdapters,
  parseAdapter,
  readSafetensors,
  withConfig,
  writeSafetensors,
  type ByteSource,
} from '../../../src/core/adapters'
import {
  checkShape,
  completeJudge,
  JudgeCardSchema,
  named,
  openPaths,
  parseJson,
  SpqrError,
  type Judge,
  type PackFile,
} from '../../../src/core/contracts'
import { assertFinite, readOnnx, type OnnxModel } from '../../../src/core/onnx'
import { plainPng, type PlainPicture } from '../../../src/core/pictures'
import {
  ModelIndexSchema,
  TokenizerFileSchema,
  UnetFileSchema,
  VaeFileSchema,
  VocabularySchema,
  clipTokenizerJson,
  readConfig,
  readMerges,
} from '../../../src/core/repository'
import { parseEndpoint, parseModelAddress } from '../../../src/core/sources'
import { buildTokenizer, type PackTokenizer } from '../../../src/runtime/generator/tokenizer'
import { parseManifest } from '../../../src/runtime/pack'
import { onnxFile, TYPE } from '../../helpers/onnx'
import { changeBytes, changeText } from '../mutate'
import type { Reader } from '../reader'
import { change, jsonReader, same, unfinished } from './json'

const ROOT = new URL('../../../', import.meta.url)
const text = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, ROOT)))
const utf8 = (given: string): Uint8Array => new TextEncoder().encode(given)

export const manifests = jsonReader({
  name: 'manifests',
  texts: [text('tests/golden/tiny-pack/pack/manifest.json')],
  read: (given) => parseManifest(utf8(given)),
  different: unfinished,
})

const CARDS = 'models/judges/cards/'
export const judgeCards = jsonReader({
  name: 'judge cards',
  texts: ['clip-vit-base-patch32'].map((name) => text(`${CARDS}${name}.json`)),
  read: (given) => {
    const json = parseJson(given)
    const card = json.fault === null ? checkShape(JudgeCardSchema, json.value) : json
    if (card.fault !== null) throw new SpqrError('MANIFEST_INVALID', card.fault)
    const description = card.value.judge
    const file = (path: string): PackFile => ({ path, bytes: 10, sha256: 'a'.repeat(64) })
    return completeJudge(description, new Map(openPaths(description).map((path) => [path, file(path)])))
  },
  different: (judge) => unfinished(judge) || (judge as Judge).id in {},
})

const MODULE = 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k'
const tensor = (shape: number[], from: number) => ({
  dtype: 'F32' as const,
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i / 8),
})
const lora = writeSafetensors(
  new Map([
    [`base_model.model.${MODULE}.lora_A.weight`, tensor([2, 4], 0.5)],
    [`base_model.model.${MODULE}.lora_B.weight`, tensor([3, 2], -1)],
  ]),
  { format: 'pt' },
)
const length = new DataView(lora.buffer).getUint32(0, true)
const loraHeader = new TextDecoder().decode(lora.subarray(8, 8 + length))
export const safetensors: Reader = {
  name: 'safetensors',
  seeds: 2,
  make: (seed, list) => {
    if (seed === 0) return changeBytes(lora, list)
    const header = utf8(change(loraHeader, list))
    const size = new Uint8Array(8)
    new DataView(size.buffer).setUint32(0, header.length, true)
    return Uint8Array.from([...size, ...header, ...lora.subarray(8 + length)])
  },
  read: (input) => readSafetensors(input as Uint8Array),
  different: (result, input) => {
    const { tensors } = result as ReturnType<typeof readSafetensors>
    const size = [...tensors.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
    const bytes = input as Uint8Array
    const header = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
    return 8 + header + size !== bytes.length
  },
}

const weights = new Map([[`${MODULE}.weight`, [3, 4]]])
const peft = { r: 2, lora_alpha: 4, use_rslora: false, alpha_pattern: { to_k: 8 }, rank_pattern: {}, bias: 'none' }
export const adapters = jsonReader({
  name: 'adapters with a configuration',
  texts: [JSON.stringify(peft)],
  read: (given) => {
    const whole = readSafetensors(withConfig(readSafetensors(lora), given))
    const adapter = parseAdapter(whole, weights, { strength: 1, name: 'x' })
    const weight = new Float32Array(12)
    applyAdapters([adapter], `${MODULE}.weight`, weight)
    return weight
  },
  different: (weight) => (weight as Float32Array).some((value) => !Number.isFinite(value)),
})

const graph = onnxFile({
  inputs: [{ name: 'sample', type: TYPE.float32, dims: ['batch', 4, 8, 8] }],
  outputs: [{ name: 'out_sample', type: TYPE.float32, dims: ['batch', 4, 8, 8] }],
  operators: [{ domain: '', name: 'MatMul' }],
  weights: [
    { name: 'a.weight', dims: [3, 4], type: TYPE.float32, location: 'model.onnx_data', length: 48 },
    {
      name: 'b.weight',
      dims: [40],
      type: TYPE.float32,
      raw: new Uint8Array(Float32Array.from({ length: 40 }, (_, i) => i / 8).buffer),
    },
  ],
})
const source = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  slice: (offset, size) => Promise.resolve(bytes.slice(offset, offset + size)),
})
export const graphs: Reader = {
  name: 'ONNX graphs',
  seeds: 1,
  make: (_, list) => changeBytes(graph, list),
  read: async (input) => {
    const model = await readOnnx(source(input as Uint8Array), 'model.onnx')
    await assertFinite(input as Uint8Array, 'U-Net')
    return model
  },
  different: (result, input) => {
    const { weights: found, inputs, outputs } = result as OnnxModel
    const numbers = found.flatMap(({ offset, length: size, dims }) => [offset, size, ...dims])
    const bytes = (input as Uint8Array).slice().buffer
    const inside = found.filter(({ dtype, location }) => dtype === 'F32' && location === '')
    const read = inside.flatMap(({ offset, length: size }) => [
      ...new Float32Array(bytes.slice(offset, offset + size - (size % 4))),
    ])
    return (
      read.some(Number.isNaN) ||
      unfinished([inputs, outputs]) ||
      !numbers.every((n) => Number.isSafeInteger(n) && n >= 0)
    )
  },
}

const SD1 = 'tests/golden/families/sd1/'
const SCHEMAS = [
  ['model_index.json', ModelIndexSchema],
  ['unet/config.json', UnetFileSchema],
  ['vae_decoder/config.json', VaeFileSchema],
  ['tokenizer/tokenizer_config.json', TokenizerFileSchema],
] as const
const vocabulary = JSON.stringify({
  a: 0,
  b: 1,
  'b</w>': 2,
  ab: 3,
  constructor: 4,
  '<|startoftext|>': 5,
  '<|endoftext|>': 6,
})
export const configs = jsonReader({
  name: 'configurations and vocabularies',
  texts: [...SCHEMAS.map(([path]) => text(SD1 + path)), vocabulary],
  read: (given, seed) => {
    const [path, schema] = SCHEMAS[seed] ?? ['vocab.json', VocabularySchema]
    return readConfig(schema, path, given)
  },
  different: (result, input, seed) => {
    if (seed < SCHEMAS.length) return false
    // No name is lost, and every id is a whole number.
    const names = Object.keys(JSON.parse(input as string) as object)
    return names.length !== Object.keys(result as object).length || unfinished(result)
  },
})

const merges = 'a b</w>\n'
const clip = clipTokenizerJson(
  { a: 0, 'b</w>': 1, 'ab</w>': 2, b: 3, '<|startoftext|>': 4, '<|endoftext|>': 5 },
  readMerges(`#version: 0.2\n${merges}`),
  {},
)
/** A tokenizer with an expression of its own. */
const own = JSON.stringify({ ...clip, pre_tokenizer: { type: 'Split', pattern: { Regex: '(?:ab)?a+b*|[^a]' } } })
const tokenizerTexts = [JSON.stringify(clip), text('tests/golden/tiny-pack/pack/tokenizer/tokenizer.json'), own]
const WORDS = ['', 'ab', 'a b ab', 'a red circle', 'a'.repeat(2000)]
function idsOf(tokenizer: PackTokenizer, words: string): number[] {
  try {
    return tokenizer.encode(words).ids
  } catch (thrown) {
    // A long text may be refused where a short one is read.
    if (words.length > 100 && thrown instanceof SpqrError && thrown.code === 'PROMPT_TOO_LONG')
      return tokenizer.encode('').ids
    throw thrown
  }
}
export const tokenizers = jsonReader({
  name: 'tokenizers',
  texts: tokenizerTexts,
  read: async (given) => {
    const json = readConfig(named(v.unknown()), 'tokenizer.json', given)
    const tokenizer = await buildTokenizer(json, {}, { maxLength: 16, padTokenId: 0 }, 'the model')
    return { tokenizer, ids: WORDS.map((words) => idsOf(tokenizer, words)), json }
  },
  different: (result) => {
    const { ids, json } = result as { tokenizer: PackTokenizer; ids: number[][]; json: typeof clip }
    const most = 2 * JSON.stringify(json).length + 1024
    return ids.some((row) => row.length !== 16 || !row.every((id) => Number.isSafeInteger(id) && id >= 0 && id < most))
  },
})

const addresses = [
  'hf:owner/name@refs%2Fpr%2F1/sub/folder',
  'https://huggingface.co/owner/name/tree/main/onnx',
  'https://example.org/models/tiny/manifest.json?a=1#b',
]
export const modelAddresses: Reader = {
  name: 'addresses of models',
  seeds: addresses.length,
  make: (seed, list) => changeText(addresses[seed]!, list),
  read: (input) => {
    const address = parseModelAddress(input as string)
    if (address.kind === 'url') parseEndpoint(address.baseUrl)
    return address
  },
  different: (result) => {
    const address = result as ReturnType<typeof parseModelAddress>
    return address.kind === 'hub' && /[^\w./@+ -]|\.\./.test(`${address.owner}/${address.name}/${address.subfolder}`)
  },
}

const PICTURES = 'tests/fixtures/pictures/'
const pngs = ['pic-plain', 'pic-rgba', 'pic-palette', 'pic-gray8'].map((name) => bytesOf(`${PICTURES}${name}.png`))
const plain = pngs.map((bytes) => plainPng('a.png', bytes))
export const pictures: Reader = {
  name: 'pictures',
  seeds: pngs.length,
  make: (seed, list) => changeBytes(pngs[seed]!, list),
  read: (input) => plainPng('a.png', input as Uint8Array),
  different: (result, _, seed) => {
    const [now, before] = [result as PlainPicture | null, plain[seed]!]
    return now !== null && !same([...now.rgb], [...before.rgb])
  },
}
