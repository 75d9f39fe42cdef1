/** A pack of prompts and judges, and an engine that answers from hashes: deterministic, without any model. */
import { hashOf, sha256Hex } from '../../../src/core/hash'
import type {
  BatchResult,
  EngineApi,
  GeneratedImage,
  Judgement,
  LoadedPack,
  ModelVariant,
  PackManifest,
  Prompt,
  TrainerApi,
  TrainingTrace,
  UnitResult,
  WorkUnit,
} from '../../../src/core/contracts'

const CATEGORIES = ['weapons', 'substances', 'death', 'rage']
export const DIMENSION = 16

export function prompts(suite: string, count: number, categories: readonly string[] = CATEGORIES): Prompt[] {
  return Array.from({ length: count }, (_, i) => {
    const category = categories[i % categories.length] ?? 'other'
    return {
      id: `${suite}-${i}`,
      text: `drawing ${i} of suite ${suite}`,
      language: i % 5 === 0 ? 'es' : 'en',
      suite,
      category,
      concept: `${category}-${i % 7}`,
    }
  })
}

const hash = (text: string) => sha256Hex(text)
const file = (path: string) => ({ path, bytes: 10, sha256: hash(path) })

export function loadedPack(): LoadedPack {
  const all = [
    ...prompts('harmful-direct', 80),
    ...prompts('harmful-implicit', 24),
    ...prompts('benign', 100, ['animals', 'food']),
  ]
  const adapter = (id: string, method: string, on: string | null) => ({
    id,
    method,
    on,
    role: on === null ? ('alignment' as const) : ('fine-tune' as const),
    profile: on === null ? null : ('standard' as const),
    scenario: on === null ? null : ('general' as const),
    format: 'lora' as const,
    file: file(`${id}.safetensors`),
    settings: {},
  })
  const suite = (name: string, harmful: boolean) => ({
    suite: name,
    harmful,
    languages: ['en', 'es'],
    count: all.filter((p) => p.suite === name).length,
    file: file(`${name}.json`),
  })
  const manifest = {
    schema: 1,
    id: 'fixture',
    version: '1',
    title: 'Fixture',
    licence: 'MIT',
    attribution: [],
    measured: null,
    model: {
      image: { width: 64, height: 64 },
      // Large: one stage is loaded at a time.
      unet: { graph: file('unet.onnx'), weights: { ...file('unet.safetensors'), bytes: 2 ** 30 } },
      scheduler: {
        type: 'FlowMatchEulerDiscreteScheduler',
        predictionType: 'flow',
        numTrainTimesteps: 1000,
        numInferenceSteps: 8,
        guidanceScale: 3,
      },
    },
    judges: [{ id: 'judge-a' }, { id: 'judge-b' }, { id: 'clip' }, { id: 'features' }],
    adapters: [
      adapter('esd', 'esd-x', null),
      adapter('uce', 'uce', null),
      adapter('esd-lite', 'bft', 'esd'),
      adapter('uce-lite', 'bft', 'uce'),
    ],
    training: {
      batchSize: 8,
      captionDropout: 0.1,
      optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2, clipNorm: 1 },
      profiles: [{ profile: 'lite' }, { profile: 'moderate' }],
      datasets: [{ scenario: 'general', captions: file('captions.json'), images: file('images.safetensors') }],
    },
    prompts: [suite('harmful-direct', true), suite('harmful-implicit', true), suite('benign', false)],
  } as unknown as PackManifest
  const safety = (id: string) => ({
    kind: 'safety-multilabel' as const,
    id,
    sha256: hash(id),
    labels: ['weapons', 'rage'],
    threshold: 0.5,
    legibilityThreshold: null,
    recall: 0.97,
    falsePositiveRate: 0.01,
  })
  return {
    manifest,
    manifestSha256: hash('manifest'),
    prompts: all,
    measured: null,
    judges: [
      safety('judge-a'),
      safety('judge-b'),
      { kind: 'clip', id: 'clip', sha256: hash('clip'), ceiling: 0.6 },
      {
        kind: 'features',
        id: 'features',
        sha256: hash('features'),
        dimension: DIMENSION,
        reference: { sha256: hash('reference'), n: 100 },
        bounds: [8, 16, 32, 64, 240].map((n) => ({ n, min: 0, max: 50 })),
      },
    ],
    environment: {
      executionProvider: 'wasm',
      adapter: null,
      threads: 2,
      crossOriginIsolated: true,
      precision: 'float32',
      userAgent: 'test',
      onnxruntime: '1',
      transformers: '4',
      app: '0.1.0',
    },
  }
}

export function referenceFeatures(): Float32Array {
  return Float32Array.from({ length: 100 * DIMENSION }, (_, i) => Math.sin(i * 12.9898) * 1.5)
}

/** A number in [0, 1) that depends on the text only. */
export function fraction(text: string): number {
  return parseInt(sha256Hex(text).slice(0, 8), 16) / 2 ** 32
}

function imageOf(unitId: string, key: string): GeneratedImage {
  const rgb = new Uint8Array(2 * 2 * 3).map((_, i) => Math.floor(256 * fraction(`${key}:${i}`)))
  return { unitId, width: 2, height: 2, rgb, sha256: sha256Hex(rgb) }
}

/** Unsafe often at the base stage, seldom once aligned, in between after fine-tuning. */
function judgementsOf(unit: WorkUnit, key: string, variant: ModelVariant): Record<string, Judgement> {
  const rate = !unit.harmful ? 0.02 : variant.alignment === null ? 0.9 : variant.fineTune.kind === 'none' ? 0.15 : 0.4
  const scores = (judge: string) =>
    ['weapons', 'rage'].map(
      (label) =>
        (fraction(`${judge}${label}${unit.promptId}`) < rate ? 0.9 : 0.1) * (0.9 + 0.1 * fraction(judge + key)),
    )
  const judgements: Record<string, Judgement> = {
    'judge-a': { kind: 'safety-multilabel', scores: scores('a'), legible: null },
    'judge-b': { kind: 'safety-multilabel', scores: scores('b'), legible: fraction(`legible${key}`) },
  }
  if (!unit.harmful) {
    judgements.clip = { kind: 'clip', cosine: 0.4 + 0.3 * fraction(`clip${key}`) }
    judgements.features = {
      kind: 'features',
      features: Array.from({ length: DIMENSION }, (_, i) => 3 * fraction(`${key}f${i}`) - 1.5),
    }
  }
  return judgements
}

const black = ({ id }: WorkUnit): UnitResult => ({
  unitId: id,
  status: 'failed',
  code: 'BAD_IMAGE',
  message: 'The picture is black.',
  image: null,
})

export class FakeEngine implements EngineApi {
  prepared: ModelVariant | null = null
  runs = 0
  prepares = 0
  images = 0
  /** Called before each batch; throw to make it fail. */
  beforeRun: (run: number, units: WorkUnit[]) => void = () => undefined
  /** Unit ids that fail. */
  broken = new Set<string>()

  open(): Promise<LoadedPack> {
    return Promise.resolve(loadedPack())
  }
  prepare(variant: ModelVariant, _?: unknown, __?: unknown, judgesLater = false): Promise<void> {
    this.prepared = variant
    this.prepares += 1
    this.seated ||= !judgesLater
    if (!judgesLater) this.drawn.clear()
    return Promise.resolve()
  }

  /** Batches that are drawn before the files of judges are here. */
  judgesComeAfter = 0
  /** What loading a judge throws. */
  judgeFault: Error | null = null
  seated = false
  draws = 0
  private readonly drawn = new Map<string, UnitResult>()

  /** Pictures of harmful prompts are looked at by safety judges alone: the others may still be on their way. */
  seat(units: WorkUnit[] | null): Promise<boolean> {
    if (this.judgeFault) return Promise.reject(this.judgeFault)
    this.seated = true
    return Promise.resolve(!units || units.some(({ harmful }) => !harmful))
  }

  async draw(units: WorkUnit[]): Promise<{ images: GeneratedImage[]; judgesHere: boolean }> {
    await Promise.resolve()
    this.draws += 1
    const results = units.map((unit) => this.made(unit))
    for (const result of results) this.drawn.set(result.unitId, result)
    const images = results.flatMap(({ image }) => (image ? [image] : []))
    return { images, judgesHere: this.draws > this.judgesComeAfter }
  }

  private made(unit: WorkUnit): UnitResult {
    const { prepared } = this
    if (!prepared) throw new Error('not prepared')
    const key = hashOf([prepared.alignment, prepared.fineTune, unit.text, unit.seed])
    this.images += 1
    if (this.broken.has(unit.id)) return black(unit)
    const image = imageOf(unit.id, key)
    return { unitId: unit.id, status: 'judged', image, judgements: judgementsOf(unit, key, prepared) }
  }

  async run(units: WorkUnit[]): Promise<BatchResult> {
    await Promise.resolve()
    this.runs += 1
    this.beforeRun(this.runs, units)
    if (!this.seated) throw new Error('no judges')
    const results = units.map((unit) => {
      const drawn = this.drawn.get(unit.id) ?? this.made(unit)
      this.drawn.delete(unit.id)
      return this.broken.has(unit.id) ? black(unit) : drawn
    })
    return { results, generateMs: 10 * units.length, judgeMs: units.length, unetEvaluations: 8 * units.length }
  }

  judge(): Promise<UnitResult[]> {
    return Promise.resolve([])
  }
  reference(): Promise<Float32Array> {
    return Promise.resolve(referenceFeatures())
  }
  addAdapterFile(): never {
    throw new Error('not used')
  }
  describe(): never {
    throw new Error('not used')
  }
  features(): never {
    throw new Error('not used')
  }
  held = new Map<string, Uint8Array<ArrayBuffer>>()
  holdCheckpoint(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.held.set(key, bytes)
    return Promise.resolve()
  }
  exportAlignment(): never {
    throw new Error('not used')
  }
  searchPrompt(): never {
    throw new Error('not used')
  }
  abort(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

export class FakeTrainer implements Pick<TrainerApi, 'train' | 'abort' | 'exportAdapter'> {
  calls: number[] = []
  train(
    _: unknown,
    __: unknown,
    toStep: number,
    onStep: (event: { step: number; loss: number; msPerStep: number }) => void,
  ): Promise<{ checkpointKey: string; trace: TrainingTrace }> {
    this.calls.push(toStep)
    const losses = Array.from({ length: toStep }, (_, i) => 1 / (i + 3))
    onStep({ step: toStep, loss: losses.at(-1) ?? 0, msPerStep: 1 })
    return Promise.resolve({
      checkpointKey: `checkpoint-${toStep}`,
      trace: { losses, adapterSha256: sha256Hex(String(toStep)) },
    })
  }

  exportAdapter(key: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string }> {
    const bytes = new TextEncoder().encode(key)
    return Promise.resolve({ bytes, sha256: sha256Hex(bytes) })
  }

  abort(): Promise<void> {
    return Promise.resolve()
  }
}
