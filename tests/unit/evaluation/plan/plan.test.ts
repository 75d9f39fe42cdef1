import { unitSeed } from '../../../../src/core/scoring'
import { describe, expect, test } from 'vitest'
import {
  BENIGN_PER_CHECKPOINT,
  batches,
  headOfSuite,
  interleave,
  sideBySide,
  plan,
  variantOf,
} from '../../../../src/evaluation/plan/plan'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { loadedPack } from '../fixture'

const pack = loadedPack()
const quick = createRunSpec({ preset: 'quick' }, pack)

describe('plan', () => {
  test('makes harmful prompts at three stages and benign ones at the aligned stage', () => {
    const units = plan(quick, pack.prompts)
    const count = (stage: string, harmful: boolean) =>
      units.filter((unit) => unit.stage === stage && unit.harmful === harmful).length
    expect(units).toHaveLength(4 * 64)
    expect([count('base', true), count('aligned', true), count('fine-tuned', true)]).toEqual([64, 64, 64])
    expect([count('base', false), count('aligned', false), count('fine-tuned', false)]).toEqual([0, 64, 0])
    expect(new Set(units.map(({ id }) => id)).size).toBe(units.length)
  })

  test('gives a prompt the same noise at every stage, and another prompt or repeat another one', () => {
    const units = plan({ ...quick, prompts: { ...quick.prompts, seedsPerPrompt: 2 } }, pack.prompts)
    for (const unit of units) expect(unit.seed).toBe(unitSeed(quick.seed, unit.promptId, unit.repeat))
    const seeds = new Set(units.map(({ seed }) => seed))
    expect(seeds.size).toBe(2 * (64 + 64))
    expect(unitSeed(0, 'a', 0)).not.toBe(unitSeed(1, 'a', 0))
  })

  test('runs the stages as blocks and shows every category early', () => {
    const units = plan(quick, pack.prompts)
    const stages = units.map(({ stage }) => stage)
    expect(stages.filter((stage, i) => stage !== stages[i - 1])).toEqual(['base', 'aligned', 'fine-tuned'])
    expect(new Set(units.slice(0, 4).map(({ category }) => category)).size).toBe(4)
    const aligned = units.filter(({ stage }) => stage === 'aligned')
    expect(aligned.slice(0, 8).filter(({ harmful }) => harmful)).toHaveLength(4)
  })

  test('names a unit by everything that determines its image', () => {
    const ids = (spec: typeof quick) =>
      new Map(plan(spec, pack.prompts).map((unit) => [`${unit.stage} ${unit.promptId}`, unit.id]))
    const original = ids(quick)
    expect(ids(structuredClone(quick))).toEqual(original)
    const key = [...original.keys()]
    for (const changed of [
      { ...quick, sampler: { ...quick.sampler, guidanceScale: 4 } },
      { ...quick, seed: 1 },
      { ...quick, model: { ...quick.model, manifestSha256: 'abcdef0123' } },
    ]) {
      const other = ids(changed)
      expect(key.every((name) => other.get(name) !== original.get(name))).toBe(true)
    }
    // Another fine-tune leaves the images of the stages before it as they are; another scoring leaves all.
    const untuned = ids({ ...quick, fineTune: { kind: 'file', name: 'x', sha256: 'abcdef0123', strength: 1 } })
    expect(
      key.filter((name) => untuned.get(name) !== original.get(name)).every((name) => name.startsWith('fine-tuned')),
    ).toBe(true)
    expect(untuned.get('base harmful-direct-0')).toBe(original.get('base harmful-direct-0'))
    expect(ids({ ...quick, scoring: { ...quick.scoring, epsilon: 0.2 } })).toEqual(original)
  })

  test('measures every checkpoint of a live fine-tune, on a fixed part of the benign prompts', () => {
    const spec = createRunSpec({ preset: 'quick', train: 'lite', 'train-steps': 20, checkpoints: [10] }, pack)
    const units = plan(spec, pack.prompts).filter(({ stage }) => stage === 'fine-tuned')
    for (const step of [0, 10, 20]) {
      const here = units.filter((unit) => unit.step === step)
      expect(here.filter(({ harmful }) => harmful)).toHaveLength(64)
      expect(here.filter(({ harmful }) => !harmful)).toHaveLength(BENIGN_PER_CHECKPOINT)
    }
    expect(units).toHaveLength(3 * (64 + BENIGN_PER_CHECKPOINT))
    expect(variantOf(spec, 'fine-tuned', 0, null).fineTune).toEqual({ kind: 'none' })
    expect(variantOf(spec, 'fine-tuned', 10, 'k').fineTune).toEqual({ kind: 'checkpoint', key: 'k' })
    expect(() => variantOf(spec, 'fine-tuned', 10, null)).toThrow('has not been trained')
  })

  test('never changes seeds or names: a changed value here makes stored runs and links of earlier versions unreadable', () => {
    expect([unitSeed(0, 'a', 0), unitSeed(7, 'hd-weapons-kitchen-knife-01', 1)]).toEqual([1526491797, 336684404])
    const units = plan(createRunSpec({ preset: 'smoke', method: 'uce' }, pack), pack.prompts)
    expect([units[0], units[8]].map((unit) => [unit?.stage, unit?.seed, unit?.id])).toEqual([
      ['base', 2539235325, '5b35c3931d43b3c045795374d46bb462f52b7fd0a745a11d940160de8480def9'],
      ['aligned', 2539235325, 'c9c676ef45cf2400361da13f8115b5dad1f440a1b97d0a5fb66f7aaa3d53a1d0'],
    ])
  })

  test('refuses prompts that are not those of the specification', () => {
    const [first, ...rest] = pack.prompts
    if (!first) throw new Error('no prompt')
    expect(() => plan(quick, [{ ...first, text: 'something else' }, ...rest])).toThrow(
      'not those the run was specified with',
    )
    expect(() => plan(quick, rest.slice(40))).toThrow(/has \d+ prompts here, and the run needs 64/)
  })
})

describe('order', () => {
  test('takes heads in the order of the suite', () => {
    const head = headOfSuite(pack.prompts, 'harmful-direct', 8)
    expect(head.map(({ id }) => id)).toEqual(Array.from({ length: 8 }, (_, i) => `harmful-direct-${i}`))
    expect(headOfSuite(pack.prompts, 'harmful-direct', 10_000)).toHaveLength(80)
  })

  test('spreads lists evenly and keeps their order', () => {
    expect(
      interleave([
        ['1', '2', '3', '4'],
        ['a', 'b'],
      ]),
    ).toEqual(['1', 'a', '2', '3', 'b', '4'])
    expect(interleave([[], ['a']])).toEqual(['a'])
  })

  test('cuts batches at the borders of stages', () => {
    const cut = batches(plan(quick, pack.prompts), 24)
    expect(cut.map(({ length }) => length)).toEqual([24, 24, 16, 24, 24, 24, 24, 24, 8, 24, 24, 16])
    expect(cut.flat()).toEqual(plan(quick, pack.prompts))
  })

  test('lets stages take turns, and leaves every batch as it was cut', () => {
    const cut = batches(plan(quick, pack.prompts), 8)
    const turns = sideBySide(cut)
    expect(turns.slice(0, 4).map(([first]) => first?.stage)).toEqual(['base', 'aligned', 'fine-tuned', 'aligned'])
    expect([...turns].sort((a, b) => cut.indexOf(a) - cut.indexOf(b))).toEqual(cut)
    for (const stage of ['base', 'aligned', 'fine-tuned']) {
      const of = (list: typeof cut) => list.filter(([first]) => first?.stage === stage)
      expect(of(turns)).toEqual(of(cut))
    }
  })

  test('leaves checkpoints of a live fine-tune behind, in their order', () => {
    const spec = createRunSpec({ preset: 'smoke', train: 'lite', 'train-steps': 20, checkpoints: [10] }, pack)
    const turns = sideBySide(batches(plan(spec, pack.prompts), 4))
    const steps = turns.map(([first]) => first?.step ?? null)
    expect(steps.filter((step) => step !== null)).toEqual(
      [...steps.filter((step) => step !== null)].sort((a, b) => a - b),
    )
    expect(steps.indexOf(0)).toBe(steps.lastIndexOf(null) + 1)
  })
})
