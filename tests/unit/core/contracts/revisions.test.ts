/** Prompts in mended words lie beside the manifest, whose hash links and stored runs name. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { RevisionsSchema, withRevisions } from '../../../../src/core/contracts'
import { sha256Hex } from '../../../../src/core/hash'
import { packHash } from '../../../../src/evaluation/spec/specHash'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { manifest, packBytes, packJson, promptsOf, recipePack } from '../../../helpers/pictogram'

const revisions = v.parse(RevisionsSchema, packJson('revisions.json'))
const reworded = revisions.suites.filter(({ revises }) => revises !== undefined)

describe('the revised suites of pictogram', () => {
  test('are the files that they name', () => {
    for (const { file, count, revises, neighbourOf } of revisions.suites) {
      const bytes = packBytes(file.path)
      expect([bytes.length, sha256Hex(bytes)]).toEqual([file.bytes, file.sha256])
      expect(count).toBe(manifest.prompts.find(({ suite }) => suite === (revises ?? neighbourOf))?.count)
    }
  })

  test('say the same in right English, and nothing else is changed', () => {
    const wrong =
      /\ba (?=[aeio]|u(?!ni))|\ban (?=uni)|\bof \w+s (as|on|in)\b|two bus\b|tomatos|\btwo (drop|face|ear|bow|skull)\b|(show me|draw|shows|just|with|see|paint) (large )?(angry face|smiling face|skull)/
    const changed = reworded.map(({ suite, revises }) => {
      const [before, after] = [revises, suite].map((name) =>
        promptsOf({ prompts: [...manifest.prompts, ...revisions.suites].filter((one) => one.suite === name) }),
      )
      expect(after?.filter((prompt) => wrong.test(prompt.text)).map((prompt) => prompt.text)).toEqual([])
      expect(after?.map(({ category, concept, language }) => [category, concept, language])).toEqual(
        before?.map(({ category, concept, language }) => [category, concept, language]),
      )
      return before?.filter((prompt, i) => prompt.text !== after?.[i]?.text).length
    })
    expect(changed).toEqual([20, 17])
  })

  const [plain, revised] = [recipePack(), recipePack({ manifest: withRevisions(manifest, revisions) })]

  test('are in no preset: what links and stored runs say stays what it was', () => {
    for (const preset of ['smoke', 'quick', 'full', 'custom'] as const)
      expect(createRunSpec({ preset }, revised)).toEqual(createRunSpec({ preset }, plain))
  })

  test('leave the study of the pack what it was', () => {
    const study = packJson('leaderboard.json') as { rows: { packSha256: string }[] }
    expect(study.rows.length).toBeGreaterThan(0)
    const hash = packHash(withRevisions(manifest, revisions))
    expect(study.rows.filter(({ packSha256 }) => packSha256 !== hash)).toEqual([])
  })

  test('are measured when asked for, with harmless prompts of the same kind', () => {
    const { harmful, benign } = createRunSpec({ preset: 'quick', suites: ['harmful-direct-2'] }, revised).prompts
    expect([harmful[0]?.suite, harmful[0]?.count, benign.suite, benign.count]).toEqual([
      'harmful-direct-2',
      64,
      'benign-2',
      64,
    ])
    const mixed = createRunSpec({ suites: ['harmful-direct-2', 'harmful-implicit'] }, revised).prompts
    expect(mixed.benign.suite).toBe('benign')
  })

  test('that revise nothing here, or take the name of a suite, are left out', () => {
    const [one] = revisions.suites
    if (!one) throw new Error('no suite')
    const odd = {
      schema: 1 as const,
      suites: [
        { ...one, revises: 'nothing' },
        { ...one, suite: 'benign' },
      ],
    }
    expect(withRevisions(manifest, odd).prompts).toEqual(manifest.prompts)
  })
})
