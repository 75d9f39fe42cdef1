import { readFileSync, readdirSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { JudgeCardSchema, completeJudge, openPaths, type JudgeCard } from '../../../../src/core/contracts'
import { NUDENET_LABELS } from '../../../../src/core/metrics'
import { parseModelAddress } from '../../../../src/core/sources'
import { JudgeSet } from '../../../../src/state/settings/judgeSet.svelte'

const FOLDER = new URL('../../../../models/judges/cards/', import.meta.url)
const cards = readdirSync(FOLDER).map(
  (name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as unknown] as const,
)
const parsed = cards.map(([, card]) => v.parse(JudgeCardSchema, card))
const card = (id: string): JudgeCard => parsed.find(({ judge }) => judge.id === id)!

const never = async () => {
  throw new Error('Not reached in these tests.')
}
function shelf(): JudgeSet {
  const set = new JudgeSet({ withEngine: never, keepReference: never })
  set.cards = parsed
  return set
}

describe('cards of judges', () => {
  test.each(cards)('%s is valid, named after its judge, and says licence and source', (name, json) => {
    const { address, make, judge } = v.parse(JudgeCardSchema, json)
    expect(name).toBe(`${judge.id}.json`)
    expect(judge.licence.length * judge.source.length).toBeGreaterThan(0)
    // Published, or made by a script that exists: one of the two.
    expect((address === null) !== (make === null)).toBe(true)
    const script = /models\/judges\/\w+\.py/.exec(make ?? '')?.[0]
    if (make !== null)
      expect(readFileSync(new URL(`../../../../${script ?? 'none'}`, import.meta.url), 'utf8')).toContain('def main')
    // No byte count or hash is made up: the source tells them.
    expect(JSON.stringify(json)).not.toMatch(/sha256|bytes/)
  })

  test.each(parsed.filter(({ address }) => address !== null))(
    '$judge.id is a whole judge once its files are known',
    ({ address, judge }) => {
      expect(parseModelAddress(address!)).toMatchObject({ kind: 'hub' })
      const files = new Map(openPaths(judge).map((path) => [path, { path, bytes: 1, sha256: '0'.repeat(64) }]))
      expect(completeJudge(judge, files).id).toBe(judge.id)
      expect(() => completeJudge(judge, new Map())).toThrow(/has no file "/)
    },
  )

  test("NudeNet's unsafe classes are classes it has", () => {
    const unsafe = card('nudenet-320n').judge.unsafe as string[]
    expect(unsafe.length).toBeGreaterThan(4)
    expect(unsafe.filter((label) => !NUDENET_LABELS.some((known) => known === label))).toEqual([])
  })
})

describe('a judge set', () => {
  test('cards by id, any address, and folders', () => {
    const set = shelf()
    set.folders = [{ name: 'mine', files: [] }]
    const [clip, own, folder] = set.choices(
      ['clip-vit-base-patch32', 'hf:me/judge@v1'],
      'https://mirror.test',
      'secret',
    )
    expect(clip).toEqual({
      description: card('clip-vit-base-patch32').judge,
      source: {
        kind: 'address',
        address: parseModelAddress('hf:Xenova/clip-vit-base-patch32'),
        endpoint: 'https://mirror.test',
        token: 'secret',
      },
    })
    expect(own).toMatchObject({ description: null, source: { address: { owner: 'me', revision: 'v1' } } })
    expect(folder).toEqual({ description: null, source: { kind: 'folder', name: 'mine', files: [] } })
    expect(shelf().choices([], '', null)).toEqual([])
  })

  test.each([
    [
      'q16',
      /Q16 on CLIP ViT-L\/14 has no published files that run in a browser/,
      /Make them with "python models\/judges\/q16\.py/,
    ],
    ['clipp', /There is no judge "clipp"/, /Choose from .*clip-vit-base-patch32/],
    ['https://user:pass@host/x', /password/, /./],
  ])('%s is refused in one sentence', (name, message, hint) => {
    expect(() => shelf().choices([name], '', null)).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: expect.stringMatching(message) as unknown,
        hint: expect.stringMatching(hint) as unknown,
      }),
    )
  })

  test('a folder without manifest.json is refused', () => {
    const file = (path: string) => Object.assign(new File(['{}'], path), { webkitRelativePath: `judge/${path}` })
    const set = shelf()
    expect(() => set.addFolder([file('model.onnx')])).toThrow(/holds no manifest.json of a judge/)
    set.addFolder([file('manifest.json'), file('model.onnx')])
    expect(set.folders.map(({ files }) => files.map(({ path }) => path))).toEqual([['manifest.json', 'model.onnx']])
  })
})
