/** Adapters of pictogram that came after its manifest, merged as PEFT merges them. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { applyAdapters, parseAdapter, readSafetensors } from '../../../../src/core/adapters'
import { AlignmentsSchema, PackManifestSchema, alignmentsBeside } from '../../../../src/core/contracts'
import { sha256Hex } from '../../../../src/core/hash'
import { computedName, shippedMethod } from '../../../../src/core/methods'

const PACK = 'public/packs/pictogram/'
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
const manifest = v.parse(PackManifestSchema, json(`${PACK}manifest.json`))
const alignments = v.parse(AlignmentsSchema, json(`${PACK}alignments.json`))
const golden = json('tests/golden/safe-text/safe-text.json') as {
  tolerance: number
  methods: Record<string, { name: `${string}.${string}`; sum: number; norm: number; change: number }[]>
}
const tensors = new Map(
  ['text_encoder', 'unet'].flatMap((network) =>
    [...readSafetensors(readFileSync(`${PACK}${network}/model.safetensors`)).tensors].map(
      ([name, tensor]) => [`${network}.${name}`, tensor] as const,
    ),
  ),
)
const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape] as const))
const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))

test('the alignments beside the manifest of pictogram all join, each the file that it names, in half a megabyte', () => {
  expect(alignmentsBeside(manifest, alignments)).toEqual({ adapters: alignments.adapters, leftOut: [] })
  expect(alignmentsBeside(manifest, null)).toEqual({ adapters: [], leftOut: [] })
  for (const { method, file } of alignments.adapters) {
    const bytes = readFileSync(PACK + file.path)
    expect([bytes.length, sha256Hex(bytes)]).toEqual([file.bytes, file.sha256])
    expect(bytes.length).toBeLessThan(500_000)
    expect(shippedMethod(method)?.name ?? computedName(method)).toMatch(/-style$/)
  }
})

test('one whose id is taken is left out and named', () => {
  const [first, second] = alignments.adapters
  const taken = { ...first!, id: 'uce' }
  expect(alignmentsBeside(manifest, { schema: 1, adapters: [taken, second!, second!] })).toEqual({
    adapters: [second],
    leftOut: ['uce', second?.id],
  })
})

describe.each(alignments.adapters.filter(({ format }) => format === 'lora'))('$id', ({ id, file }) => {
  const adapter = parseAdapter(readSafetensors(readFileSync(PACK + file.path)), shapes, { strength: 1, name: id })

  test('changes one network as PEFT does, and nothing else', () => {
    const expected = golden.methods[id] ?? []
    expect([...adapter.targets.keys()].sort()).toEqual(expected.map(({ name }) => name).sort())
    for (const { name, sum, norm: wanted, change } of expected) {
      const weight = tensors.get(name)!.floats()
      const before = weight.slice()
      expect(applyAdapters([adapter], name, weight)).toBe(1)
      const total = weight.reduce((all, value) => all + Math.abs(value), 0)
      expect(Math.abs(total / sum - 1), name).toBeLessThan(golden.tolerance)
      expect(Math.abs(norm(weight) / wanted - 1), name).toBeLessThan(golden.tolerance)
      expect(Math.abs(norm(weight.map((value, i) => value - (before[i] ?? 0))) / change - 1), name).toBeLessThan(1e-4)
    }
  })
})
