import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OPTIONS } from '../../../../src/cli/study/board'
import { cellsOf } from '../../../../src/cli/study/cells'
import { sourcesOf } from '../../../../src/cli/study/sources'
import { AlignmentsSchema, PackManifestSchema } from '../../../../src/core/contracts'

const pack = new URL('../../../../public/packs/pictogram/', import.meta.url)
const readJson = (name: string): unknown => JSON.parse(readFileSync(new URL(name, pack), 'utf8'))
const manifest = v.parse(PackManifestSchema, readJson('manifest.json'))
const later = v.parse(AlignmentsSchema, readJson('alignments.json'))

describe("alignments that came after a pack's manifest", () => {
  test("stand in the study as the pack's own, each once, with the hash of its file", () => {
    const sources = sourcesOf(manifest)
    expect(later.adapters.map(({ method }) => method)).toEqual(
      expect.arrayContaining(['safe-clip', 'safer-clip', 'saferedir']),
    )
    for (const { method, file } of later.adapters)
      expect(sources.filter((source) => source.method === method)).toEqual([
        { method, weightsSha256: file.sha256, file: null },
      ])
    expect(new Set(sources.map(({ method }) => method)).size).toBe(sources.length)
  })
  test('are evaluated like any other, with every mitigation where they change weights', () => {
    const { cells } = cellsOf(
      {
        ...OPTIONS,
        methods: 'safe-clip,saferedir',
        profiles: 'lite',
        scenarios: 'general',
        mitigations: 'none,re-add',
      },
      manifest,
    )
    expect(cells.map(({ method, mitigation = 'none' }) => [method, mitigation])).toEqual([
      ['safe-clip', 'none'],
      ['safe-clip', 're-add'],
      ['saferedir', 'none'],
    ])
  })
})

describe('a pack of one’s own', () => {
  let packs = ''
  beforeEach(() => {
    packs = mkdtempSync(join(tmpdir(), 'spqr-packs-'))
    mkdirSync(join(packs, manifest.id))
  })
  afterEach(() => {
    rmSync(packs, { recursive: true })
  })
  const write = (value: unknown) => {
    writeFileSync(join(packs, manifest.id, 'alignments.json'), JSON.stringify(value))
  }
  const methods = () => sourcesOf(manifest, packs).map(({ method }) => method)

  test('needs no such file', () => {
    expect(methods()).toContain('uce')
    expect(methods()).not.toContain('safe-clip')
  })
  test('an id that the manifest has is left out, as the page leaves it out', () => {
    const [taken] = manifest.adapters
    const [one] = later.adapters
    write({ schema: 1, adapters: [{ ...one, id: taken?.id, method: 'another' }] })
    expect(methods()).not.toContain('another')
  })
  test('a wrong file is named', () => {
    write({ schema: 2, adapters: [] })
    expect(methods).toThrow(/alignments\.json" describes no alignments: "schema": 1 is wanted/)
  })
})
