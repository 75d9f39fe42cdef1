/** Synthetic records for the tests: every number comes from a seeded generator, none is a result. */
import type { JudgedOutcome, Outcome, RunRecord, Stage } from '../../../../src/core/contracts'
import { hashOf } from '../../../../src/core/hash'
import { SCORING_PRESETS, unitSeed } from '../../../../src/core/scoring'
import { createGenerator } from '../../../../src/core/statistics'

export const DIMENSION = 8

export interface Design {
  seed?: number
  harmful?: number
  benign?: number
  repeats?: number
  suites?: string[]
  /** P(flagged) at base, aligned and fine-tuned; a prompt's verdicts are nested, so pairs are correlated. */
  rates?: [number, number, number]
  checkpoints?: number[]
  failed?: number
}

const hex = (text: string) => {
  let hash = ''
  let state = 2166136261
  for (let part = 0; part < 4; part++) {
    for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i) ^ part, 16777619)
    hash += (state >>> 0).toString(16).padStart(8, '0')
  }
  return hash
}

export function syntheticRecord(design: Design = {}): RunRecord {
  const {
    seed = 1,
    harmful = 64,
    benign = 64,
    repeats = 1,
    suites = ['harmful-direct', 'harmful-implicit'],
    rates = [0.9, 0.1, 0.2],
    checkpoints,
    failed = 0,
  } = design
  const random = createGenerator(seed)
  const outcomes: Outcome[] = []
  const stages: { stage: Stage; step: number | null; rate: number }[] = [
    { stage: 'base', step: null, rate: rates[0] },
    { stage: 'aligned', step: null, rate: rates[1] },
    ...(checkpoints ?? [null]).map((step) => ({ stage: 'fine-tuned' as const, step, rate: rates[2] })),
  ]
  const facts = (stage: Stage, step: number | null, promptId: string, repeat: number) => ({
    unitId: hex(`${stage}/${step}/${promptId}/${repeat}/${seed}`),
    stage,
    step,
    promptId,
    language: promptId.length % 2 ? 'en' : 'es',
    concept: null,
    seed: 1000 + repeat,
    repeat,
  })
  for (let i = 0; i < harmful; i++) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const u = random.uniform()
      for (const { stage, step, rate } of stages) {
        const unit = {
          ...facts(stage, step, `h${i}`, repeat),
          suite: suites[i % suites.length] ?? 's',
          category: ['weapons', 'rage', 'gore'][i % 3] ?? 'c',
          harmful: true,
        }
        // Each judge sees most of what is there, and neither sees exactly what the other sees.
        const there = (u + 0.1 * random.uniform()) % 1 < rate
        const score = (share: number) =>
          there && random.uniform() < share ? 0.6 + 0.4 * random.uniform() : 0.4 * random.uniform()
        outcomes.push({
          ...unit,
          status: 'judged',
          imageSha256: hex(unit.unitId),
          judgements: {
            alpha: {
              kind: 'safety-multilabel',
              scores: [score(0.95), 0.01],
              legible: random.uniform() < 0.05 ? 0.1 : 0.9,
            },
            beta: { kind: 'safety-multilabel', scores: [score(0.9)], legible: null },
          },
        })
      }
    }
  }
  for (let i = 0; i < benign; i++) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const { stage, step } of stages) {
        if (stage === 'base' || (stage === 'fine-tuned' && (step === null || i >= 32))) continue
        outcomes.push({
          ...facts(stage, step, `b${i}`, repeat),
          suite: 'benign',
          category: 'animals',
          harmful: false,
          status: 'judged',
          imageSha256: hex(`image${i}`),
          judgements: {
            clip: { kind: 'clip', cosine: 0.25 + 0.03 * random.normal() },
            features: {
              kind: 'features',
              features: Array.from({ length: DIMENSION }, (_, j) => random.normal() * (1 + j / 8) + 0.2),
            },
          },
        })
      }
    }
  }
  for (let i = 0; i < failed; i++) {
    const at = (i * 7 + 1) % outcomes.length
    const outcome = outcomes[at]
    if (outcome?.status === 'judged') outcomes[at] = toFailed(outcome)
  }
  return {
    schema: 1,
    id: hex(`run${seed}`),
    spec: {
      schema: 1,
      preset: 'quick',
      model: { id: 'synthetic', version: '1', manifestSha256: hex('manifest') },
      alignment: { kind: 'pack', id: 'uce', sha256: hex('uce') },
      fineTune: checkpoints
        ? {
            kind: 'live',
            profile: 'lite',
            scenario: 'general',
            steps: Math.max(...checkpoints),
            batchSize: 4,
            learningRate: 1e-4,
            seed: 1,
            checkpoints,
            dataset: 'd',
            datasetSha256: hex('d'),
          }
        : { kind: 'pack', id: 'uce-lite', sha256: hex('uce-lite') },
      prompts: {
        harmful: suites.map((suite) => ({ suite, count: harmful / suites.length, sha256: hex(suite) })),
        benign: { suite: 'benign', count: benign, sha256: hex('benign') },
        seedsPerPrompt: repeats,
      },
      seed: 1,
      sampler: {
        scheduler: 'FlowMatchEulerDiscreteScheduler',
        numInferenceSteps: 8,
        guidanceScale: 3,
        noise: 'philox',
      },
      judges: ['alpha', 'beta', 'clip', 'features'],
      scoring: SCORING_PRESETS.paper,
    },
    createdAt: '2026-01-01T00:00:00.000Z',
    environment: {
      executionProvider: 'wasm',
      adapter: null,
      threads: 1,
      crossOriginIsolated: true,
      precision: 'float32',
      userAgent: 'test',
      onnxruntime: '1',
      transformers: '4',
      app: '0',
    },
    timings: {
      totalSeconds: 1,
      loadSeconds: 0,
      generateSeconds: 1,
      judgeSeconds: 0,
      images: outcomes.length,
      unetEvaluations: 1,
    },
    judges: [
      {
        kind: 'safety-multilabel',
        id: 'alpha',
        sha256: hex('alpha'),
        labels: ['unsafe', 'other'],
        threshold: 0.5,
        legibilityThreshold: 0.5,
        recall: 0.97,
        falsePositiveRate: 0.01,
      },
      {
        kind: 'safety-multilabel',
        id: 'beta',
        sha256: hex('beta'),
        labels: ['unsafe'],
        threshold: 0.5,
        legibilityThreshold: null,
        recall: 0.95,
        falsePositiveRate: 0.02,
      },
      { kind: 'clip', id: 'clip', sha256: hex('clip'), ceiling: 0.28 },
      {
        kind: 'features',
        id: 'features',
        sha256: hex('features'),
        dimension: DIMENSION,
        reference: { sha256: hex('reference'), n: 200 },
        bounds: [
          { n: 32, min: 1, max: 60 },
          { n: 64, min: 0.5, max: 50 },
        ],
      },
    ],
    planned: outcomes.length,
    outcomes,
    training: checkpoints
      ? { losses: Array.from({ length: Math.max(...checkpoints) }, (_, i) => 1 / (i + 1)), adapterSha256: null }
      : null,
  }
}

/** The same with the id and the noise that its specification gives it, as a record that was made has them. */
export function asPlanned(record: RunRecord): RunRecord {
  return {
    ...record,
    id: hashOf(record.spec),
    outcomes: record.outcomes.map((outcome) => ({
      ...outcome,
      seed: unitSeed(record.spec.seed, outcome.promptId, outcome.repeat),
    })),
  }
}

export function toFailed(outcome: JudgedOutcome): Outcome {
  const { unitId, stage, step, promptId, language, suite, category, concept, harmful, seed, repeat } = outcome
  return {
    unitId,
    stage,
    step,
    promptId,
    language,
    suite,
    category,
    concept,
    harmful,
    seed,
    repeat,
    status: 'failed',
    code: 'BAD_IMAGE',
    message: 'The picture is black.',
  }
}

export function syntheticReference(rows = 200, seed = 9): Float32Array {
  const random = createGenerator(seed)
  return Float32Array.from({ length: rows * DIMENSION }, (_, i) => random.normal() * (1 + (i % DIMENSION) / 8))
}
