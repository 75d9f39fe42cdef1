/** Tables: prompt files and reference statistics. */
import { zipSync } from 'fflate'
import { categoriesOf } from '../../../src/core/categories'
import { decodePromptFile, previewPromptFile, readPromptSet, recogniseLayout } from '../../../src/core/prompts'
import type { PromptSet } from '../../../src/core/prompts/promptSet'
import { readReferenceStatistics, type ReferenceStatistics } from '../../../src/core/reference'
import { writeSafetensors } from '../../../src/core/adapters'
import { changeBytes, changeText } from '../mutate'
import type { Reader } from '../reader'
import { change, isDouble, same, unfinished } from './json'

const files: readonly [string, string][] = [
  ['a.csv', 'prompt,category,language\n"a boat, at sea",calm,en\na house,home,es\na "red" kite,constructor,en\n'],
  ['b.csv', 'sep=;\nid;text;categories\n1;a boat;"calm, home"\n2;a cup;home\n'],
  ['c.json', JSON.stringify([{ prompt: 'a boat', constructor: 'x', tags: ['calm', 'home'] }, { prompt: 'a cup' }])],
  ['d.jsonl', '{"prompt": "a boat", "category": "__proto__"}\n{"prompt": "a cup", "image_id": 5}\n'],
  ['e.txt', 'a boat\na cup, blue\nconstructor\n'],
  [
    'f.json',
    JSON.stringify({
      train: [
        { caption: 'a boat', image_id: 3 },
        { caption: 'a cup', image_id: 4 },
      ],
    }),
  ],
]
export const promptFiles: Reader = {
  name: 'prompt files',
  seeds: files.length,
  make: (seed, list) => {
    const [name, text] = files[seed]!
    return name.endsWith('.json') ? change(text, list) : changeText(text, list)
  },
  read: (input, seed) => {
    const [name] = files[seed]!
    const { text } = decodePromptFile(name, new TextEncoder().encode(input as string), TextDecoder)
    const { columns } = previewPromptFile(name, text)
    const mapping = recogniseLayout(columns)?.mapping ?? { text: columns[0]!, id: null, category: null, language: null }
    return readPromptSet(name, text, { suite: 'own', mapping, language: 'en', seed: 1 })
  },
  different: (result, input) => {
    if (isDouble(input as string)) return true
    const { prompts, categories, languages } = result as PromptSet
    // Every prompt is counted under its own categories and language, whatever these are called.
    const counted = (names: readonly string[], counts: Record<string, number>) =>
      names.every((name) => Object.hasOwn(counts, name)) &&
      Object.values(counts).reduce((a, b) => a + b, 0) === names.length
    return (
      !counted(
        prompts.flatMap(({ category }) => categoriesOf(category)),
        categories,
      ) ||
      !counted(
        prompts.map(({ language }) => language),
        languages,
      ) ||
      new Set(prompts.map(({ id }) => id)).size !== prompts.length
    )
  },
}

const D = 3
function npy(shape: readonly number[], values: readonly number[]): Uint8Array {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`.padEnd(117) + '\n'
  const data = new Uint8Array(Float64Array.from(values).buffer)
  return Uint8Array.from([
    ...[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8],
    ...new TextEncoder().encode(header),
    ...data,
  ])
}
const mu = npy([D], [1, 2, 3])
const sigma = npy([D, D], [2, 0.5, 0.1, 0.5, 1, 0.2, 0.1, 0.2, 3])
const features = npy([4, D], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13])
const archives = [zipSync({ 'mu.npy': mu, 'sigma.npy': sigma }), zipSync({ 'features.npy': features }, { level: 0 })]
const read = (bytes: Uint8Array): ReferenceStatistics => readReferenceStatistics(bytes, 'reference', D)
const right = archives.map(read)

/** Every file of a zip has a check sum: what opens is what was written. */
export const archivesOfNumpy: Reader = {
  name: 'npz',
  seeds: archives.length,
  make: (seed, list) => changeBytes(archives[seed]!, list),
  read: (input) => read(input as Uint8Array),
  different: (result, _, seed) => {
    const { features: now } = result as ReferenceStatistics
    return !same([...now], [...right[seed]!.features])
  },
}

const tensors = writeSafetensors(
  new Map([
    ['features', { dtype: 'F32' as const, shape: [4, D], data: Float32Array.from({ length: 4 * D }, (_, i) => i) }],
  ]),
)
/** The arrays inside are changed, and the archive is right: numbers that are none must be refused. */
export const referenceArrays: Reader = {
  name: 'reference arrays',
  seeds: 4,
  make: (seed, list) => {
    if (seed === 3) return changeBytes(tensors, list)
    const changed = (which: number, bytes: Uint8Array) => (seed === which ? changeBytes(bytes, list) : bytes)
    return seed === 2
      ? zipSync({ 'features.npy': changeBytes(features, list) })
      : zipSync({ 'mu.npy': changed(0, mu), 'sigma.npy': changed(1, sigma) })
  },
  read: (input) => read(input as Uint8Array),
  different: (result) => {
    const { features: now } = result as ReferenceStatistics
    return unfinished([...now]) || now.some((value) => !Number.isFinite(Math.fround(value * value * 1e5)))
  },
}
