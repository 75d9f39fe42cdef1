import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { RunSpecSchema } from '../../../../src/core/contracts'
import { createRunSpec, runId, type RunOptions } from '../../../../src/evaluation/spec/spec'
import { loadedPack, prompts } from '../fixture'

const pack = loadedPack()

describe('createRunSpec', () => {
  test('has presets of stated sizes', () => {
    const sizes = (preset: 'smoke' | 'quick' | 'full') => {
      const { harmful, benign } = createRunSpec({ preset }, pack).prompts
      return [harmful.map(({ suite, count }) => `${suite} ${count}`), benign.count]
    }
    expect(sizes('smoke')).toEqual([['harmful-direct 8'], 8])
    expect(sizes('quick')).toEqual([['harmful-direct 64'], 64])
    expect(sizes('full')).toEqual([['harmful-direct 80', 'harmful-implicit 24'], 100])
  })

  test("takes the pack's sampler, judges and scoring unless told otherwise", () => {
    const spec = createRunSpec({}, pack)
    expect(v.is(RunSpecSchema, spec)).toBe(true)
    expect(spec.sampler).toEqual({
      scheduler: 'FlowMatchEulerDiscreteScheduler',
      numInferenceSteps: 8,
      guidanceScale: 3,
      noise: 'philox',
    })
    expect(spec.judges).toEqual(['judge-a', 'judge-b', 'clip', 'features'])
    expect(spec.scoring.name).toBe('pack')
    expect(spec.alignment).toMatchObject({ kind: 'pack', id: 'esd' })
    expect(spec.fineTune).toMatchObject({ kind: 'pack', id: 'esd-lite' })
    const other = createRunSpec(
      { steps: 4, guidance: 1.5, noise: 'torch', scoring: 'paper', judges: ['clip', 'judge-a'] },
      pack,
    )
    expect(other.sampler).toMatchObject({ numInferenceSteps: 4, guidanceScale: 1.5, noise: 'torch' })
    expect(other.judges).toEqual(['judge-a', 'clip'])
    expect(other.scoring).toMatchObject({ name: 'paper', promptCeiling: 0.3 })
  })

  test('finds methods in the pack, computes closed forms, and knows guidance', () => {
    expect(createRunSpec({ method: 'uce' }, pack)).toMatchObject({
      alignment: { kind: 'pack', id: 'uce' },
      fineTune: { id: 'uce-lite' },
    })
    const computed = createRunSpec({ method: 'uce', computed: true }, pack)
    expect(computed).toMatchObject({
      alignment: { kind: 'closed-form', method: 'uce', lambda: 0.5, guide: '' },
      fineTune: { id: 'uce-lite' },
    })
    if (computed.alignment?.kind !== 'closed-form') throw new Error('wrong kind')
    expect(computed.alignment.concepts).toContain('weapons 0')
    expect(computed.alignment.preserve).toContain('animals 1')
    expect(createRunSpec({ method: 'rece', profile: 'none' }, pack).alignment).toMatchObject({
      lambda: 0.1,
      preserveScale: 0.1,
      rounds: 3,
    })
    expect(createRunSpec({ method: 'sld-medium', profile: 'none' }, pack)).toMatchObject({
      alignment: { kind: 'inference' },
      fineTune: null,
    })
    expect(createRunSpec({ method: 'none', profile: 'none' }, pack).alignment).toBeNull()
  })

  test('describes live fine-tuning with checkpoints at both ends', () => {
    expect(
      createRunSpec({ train: 'moderate', 'train-steps': 40, checkpoints: [20, 10, 20] }, pack).fineTune,
    ).toMatchObject({
      kind: 'live',
      profile: 'moderate',
      checkpoints: [0, 10, 20, 40],
      learningRate: 1e-4,
      batchSize: 8,
      dataset: 'fixture:general',
    })
    expect(
      createRunSpec(
        { train: 'lite', scenario: 'domain', 'train-batch': 2, dataset: { name: 'mine', sha256: 'abcdef0123' } },
        pack,
      ).fineTune,
    ).toMatchObject({ kind: 'live', batchSize: 2, dataset: 'mine', datasetSha256: 'abcdef0123' })
    expect(() => createRunSpec({ train: 'lite', 'train-steps': 40, checkpoints: [50] }, pack)).toThrow(
      'Checkpoint 50 comes after the last training step, 40.',
    )
  })

  test("takes files and prompts of the user's own", () => {
    const own = prompts('mine', 5)
    const spec = createRunSpec(
      {
        preset: 'custom',
        suites: ['mine'],
        n: 5,
        ownPrompts: { prompts: own, harmfulSuites: ['mine'] },
        alignmentFiles: [{ name: 'a.safetensors', sha256: 'abcdef0123', strength: 0.5 }],
        fineTuneFiles: [
          { name: 'b', sha256: 'abcdef0124', strength: 1 },
          { name: 'c', sha256: 'abcdef0125', strength: -0.5 },
        ],
      },
      pack,
    )
    expect(spec).toMatchObject({
      alignment: { kind: 'file', strength: 0.5 },
      fineTune: { kind: 'file' },
      prompts: { harmful: [{ suite: 'mine', count: 5 }] },
    })
  })

  test.each([
    [{ method: 'magic' }, 'There is no alignment method "magic".', 'esd-x, uce, rece'],
    [{ profile: 'lite' as const }, 'no benign fine-tune lite × general on esd', 'standard × general'],
    [{ train: 'standard' as const }, 'cannot be fine-tuned with profile standard in the browser', 'lite, moderate'],
    [{ train: 'lite' as const, scenario: 'domain' as const }, 'no training data for scenario domain', 'general'],
    [{ train: 'lite' as const, 'train-batch': 16 }, 'at most 8 pictures, not 16', 'train-batch'],
    [{ suites: ['nope'] }, 'no harmful prompt suite "nope"', 'harmful-direct, harmful-implicit'],
    [{ n: 81 }, 'has 80 prompts, fewer than the 81', 'at most 80'],
    [{ judges: ['x'] }, 'There is no judge "x"', 'judge-a'],
    [{ repeats: 101 }, 'seedsPerPrompt', 'Change that setting'],
  ])('refuses %j with what exists instead', (options, message, hint) => {
    expect(() => createRunSpec(options, pack)).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: expect.stringContaining(message) as string,
        hint: expect.stringContaining(hint) as string,
      }),
    )
  })
})

describe('runId', () => {
  test('is the hash of the specification, whatever the order of its keys', () => {
    const spec = createRunSpec({}, pack)
    const reversed = Object.fromEntries(Object.entries(spec).reverse()) as typeof spec
    expect(runId(reversed)).toBe(runId(spec))
    expect(runId(spec)).toMatch(/^[0-9a-f]{64}$/)
    expect(runId(createRunSpec({ seed: 1 }, pack))).not.toBe(runId(spec))
  })

  test('names the optimiser only where it is not the pack’s, so that runs of the benchmark keep their id', () => {
    const tune = (options: RunOptions) => createRunSpec({ train: 'lite', ...options }, pack).fineTune
    expect(tune({})).not.toHaveProperty('optimiser')
    expect(tune({ beta1: 0.9, 'weight-decay': 0.01 })).toEqual(tune({}))
    expect(tune({ 'weight-decay': 0 })).toMatchObject({
      optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
    })
  })
})
