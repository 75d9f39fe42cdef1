/**
 * What a mitigation does along a training run: between steps, and when a checkpoint is stored. The rules are in
 * `core/mitigation`; identity settings (γ 0, α 1, η 0, ρ 0) are plain training, so that they give the same bits.
 */
import type { TensorInput } from '../../core/adapters'
import {
  SpqrError,
  type Component,
  type LiveFineTune,
  type Mitigation,
  type Training,
  type TrainingProfile,
} from '../../core/contracts'
import {
  addAgain,
  addSquares,
  alignmentProjection,
  anchorRows,
  average,
  averagedDeltas,
  cosine,
  crossAttentionMask,
  denseDelta,
  earlyAnchors,
  interpolate,
  loraModules,
  masked,
  project,
  pullBack,
  randomMask,
  replaceRows,
  restore,
  safetyMask,
  sampleOf,
  shapeRow,
  startAverage,
  unitsOf,
  withoutConflict,
  type AnchorBank,
} from '../../core/mitigation'
import type { MitigationId } from '../../core/methods'
import type { PlannedBatch } from './batch'
import { differences, loraTensors } from './checkpoint'
import type { TrainingBatch, TrainingState } from './step'

/** The model around the trained parameters. */
export interface MitigatedModel {
  profile: TrainingProfile
  training: Training
  unet: Component
  /** The U-Net that training starts from, laid out. */
  weights: Uint8Array<ArrayBuffer>
  /** Parameters at step 0. */
  start: Float32Array
  fineTune: LiveFineTune
  /** Gradient of a batch's loss, before clipping, at step 0 or at these parameters. */
  gradient(batch: TrainingBatch, flat?: Float32Array): Promise<Float32Array>
  /** The benign batch of a step. */
  benign(step: number): TrainingBatch
  /** By picture the largest score of a safety judge, 0 where none flags it. */
  flagged(): Promise<number[]>
  /** The aligned model's prediction for a prompt at a sample. */
  aligned(): Promise<AlignedModel>
  /** Makes the bank of anchors. */
  anchors(): Promise<AnchorBank>
  /** Every weight that the alignment changed, as adapters name them, with its values before and after. */
  alignmentChanges(): Promise<Map<string, { dims: readonly number[]; base: Float32Array; aligned: Float32Array }>>
}

export interface AlignedModel {
  predict(text: string, sample: Float32Array, sigma: number): Promise<Float32Array>
  release(): Promise<void>
}

/** Tensors of a checkpoint's adapter: LoRA factors, or differences of weights. */
export interface StoredChange {
  format: 'lora' | 'delta'
  tensors: Map<string, TensorInput>
}

/** A mitigation at work; what is left out is as in plain training. */
export interface MitigationRun {
  /** Begins the extra state that is stored beside the parameters. */
  begin?(state: TrainingState): void
  /** Changes the batch of a step in place. */
  batch?(batch: PlannedBatch, step: number): Promise<void> | void
  /** What AdamW steps along in the place of the gradient. */
  gradient?(gradient: Float32Array, state: TrainingState): Promise<Float32Array> | Float32Array
  /** After every step of AdamW. */
  after?(state: TrainingState): void
  /** Lets go of what it holds. */
  release?(): Promise<void>
  /** What a checkpoint stores in the place of the trained parameters. */
  change?(state: TrainingState): Promise<StoredChange> | StoredChange
}

/** What plain training stores. */
export function plainChange({ profile, unet, weights }: MitigatedModel, flat: Float32Array): StoredChange {
  return profile.lora
    ? { format: 'lora', tensors: loraTensors(profile, flat) }
    : { format: 'delta', tensors: differences(profile, unet, weights, flat) }
}

/** Differences of weights, whatever was trained: ΔW of every LoRA pair where factors were. */
function plainDeltas(model: MitigatedModel, flat: Float32Array): Map<string, TensorInput> {
  const { profile, unet, weights } = model
  if (!profile.lora) return differences(profile, unet, weights, flat)
  return new Map(
    loraModules(profile).map((module) => [
      module.weight,
      { dtype: 'F32', shape: [module.rows, module.columns], data: denseDelta(module, flat) },
    ]),
  )
}

type Create = (mitigation: Required<Mitigation>, model: MitigatedModel) => MitigationRun | Promise<MitigationRun>

const RUNS: Record<MitigationId, Create> = {
  're-add': ({ gamma }, model) =>
    gamma === 0
      ? {}
      : {
          change: async ({ flat }) => {
            const tensors = plainDeltas(model, flat)
            for (const [name, { dims, base, aligned }] of await model.alignmentChanges()) {
              const known = tensors.get(name)?.data
              const delta = known instanceof Float32Array ? known : new Float32Array(base.length)
              addAgain(delta, aligned, base, gamma)
              tensors.set(name, { dtype: 'F32', shape: dims, data: delta })
            }
            return { format: 'delta', tensors }
          },
        },
  ema: ({ eta }, model) =>
    eta === 0
      ? {}
      : {
          begin: (state) => {
            state.average = startAverage(model.profile, model.start)
          },
          after: (state) => average(model.profile, state.average!, state.flat, eta),
          change: ({ average: mean }) =>
            model.profile.lora
              ? { format: 'delta', tensors: averagedTensors(model, mean!) }
              : plainChange(model, mean!),
        },
  interpolate: ({ alpha }, model) => ({
    change: ({ flat }) => plainChange(model, interpolate(model.profile, flat, model.start, alpha)),
  }),
  proximal: ({ rho }, { profile, start, fineTune }) => ({
    after: ({ flat }) => pullBack(profile, flat, start, fineTune.learningRate, rho),
  }),
  'safe-replay': ({ anchors }, model) => replay(model, anchors, ({ step }) => step.map((_, i) => i)),
  'early-anchors': ({ anchors }, model) => replay(model, anchors, (bank) => earlyAnchors(bank, EARLY_STEPS)),
  'gradient-surgery': ({ anchors }, model) => surgery(model, anchors),
  freeze: async ({ share }, model) => (share === 0 ? {} : frozen(model, await measuredMask(model, share))),
  'freeze-random': ({ share }, model) =>
    share === 0 ? {} : frozen(model, randomMask(model.profile, share, model.fineTune.seed)),
  'freeze-attn2': (_, model) => frozen(model, crossAttentionMask(model.profile)),
  shaping: ({ strength }, model) => shaping(model, strength),
  'safe-lora': ({ tau }, model) => ({ change: ({ flat }) => projected(model, flat, tau, 'published') }),
  'safe-lora-projector': ({ tau }, model) => ({ change: ({ flat }) => projected(model, flat, tau, 'projector') }),
}

/** The noisiest steps that early anchors are taken from. */
const EARLY_STEPS = 2
/** Batches over which the sensitivities behind freezing are averaged. */
const MEASURED_BATCHES = 16

async function replay(
  { fineTune, anchors }: MitigatedModel,
  count: number,
  allowed: (bank: AnchorBank) => number[],
): Promise<MitigationRun> {
  if (count === 0) return {}
  const bank = await anchors()
  const rows = allowed(bank)
  return { batch: (batch, step) => replaceRows(batch, bank, rows, count, fineTune.seed, step) }
}

/** Rows of pictures that no judge flags are left alone, and without such pictures it is plain training. */
async function shaping(model: MitigatedModel, strength: number): Promise<MitigationRun> {
  const scores = strength === 0 ? [] : await model.flagged()
  if (scores.every((score) => score === 0)) return {}
  const aligned = await model.aligned()
  return {
    batch: async (batch) => {
      const size = batch.latents.length / batch.count
      for (let row = 0; row < batch.count; row++) {
        const score = scores[batch.images[row]!] ?? 0
        if (score === 0) continue
        const predicted = await aligned.predict(batch.texts[row]!, sampleOf(batch, row, size), batch.sigma[row]!)
        shapeRow(batch, row, size, 1 - strength * score, predicted)
      }
    },
    release: () => aligned.release(),
  }
}

async function surgery(
  { fineTune, training, gradient, anchors }: MitigatedModel,
  count: number,
): Promise<MitigationRun> {
  if (count === 0) return {}
  if (count > training.batchSize)
    throw new SpqrError(
      'BAD_INPUT',
      `A training step of this pack takes at most ${training.batchSize} anchors, not ${count}.`,
      'Choose fewer anchors.',
    )
  const bank = await anchors()
  return {
    gradient: async (g, { flat, step }) =>
      withoutConflict(g, await gradient(anchorRows(bank, 'aligned', count, fineTune.seed, step), flat)),
  }
}

/** Parameters of the mask stay as they are at step 0: neither gradient nor decay moves them. */
function frozen({ start, profile }: MitigatedModel, mask: Uint8Array): MitigationRun {
  if (!mask.includes(1)) return {}
  if (unitsOf(profile).every(({ offset }) => mask[offset] === 1))
    throw new SpqrError(
      'BAD_INPUT',
      `With the profile ${profile.profile} this mitigation freezes everything that would be trained.`,
      'Choose another profile, a smaller share or another mitigation.',
    )
  return { gradient: (g) => masked(g, mask), after: ({ flat }) => restore(flat, start, mask) }
}

async function measuredMask(model: MitigatedModel, share: number): Promise<Uint8Array> {
  const { profile, training, fineTune, gradient, benign } = model
  const bank = await model.anchors()
  const safety = new Float64Array(profile.length)
  const harmless = new Float64Array(profile.length)
  for (let i = 0; i < MEASURED_BATCHES; i++) {
    addSquares(safety, await gradient(anchorRows(bank, 'base', training.batchSize, fineTune.seed, i)))
    addSquares(harmless, await gradient(benign(i)))
  }
  return safetyMask(profile, safety, harmless, share)
}

/** Every change of a weight that alignment changed too, projected where it agrees with the projection by at most τ. */
async function projected(
  model: MitigatedModel,
  flat: Float32Array,
  tau: number,
  kind: 'published' | 'projector',
): Promise<StoredChange> {
  const { profile } = model
  const plain = plainChange(model, flat)
  const modules = new Map(loraModules(profile).map((module) => [module.weight, module]))
  for (const [name, { dims, base, aligned }] of await model.alignmentChanges()) {
    const rows = dims[0] ?? 1
    const module = modules.get(name)
    const key = module ? `unet.${name.replace(/weight$/, 'lora_B.weight')}` : name
    const tensor = plain.tensors.get(key)
    if (dims.length < 2 || !(tensor?.data instanceof Float32Array)) continue
    const projection = alignmentProjection(
      base.map((value, i) => aligned[i]! - value),
      rows,
      kind,
    )
    if (!projection) continue
    const delta = module ? denseDelta(module, flat) : tensor.data
    if (cosine(project(projection, delta, rows), delta) <= tau)
      plain.tensors.set(key, { ...tensor, data: project(projection, tensor.data, rows) })
  }
  return plain
}

function averagedTensors({ profile }: MitigatedModel, mean: Float32Array): Map<string, TensorInput> {
  const deltas = averagedDeltas(profile, mean)
  return new Map(
    loraModules(profile).map(({ weight, rows, columns }) => [
      weight,
      { dtype: 'F32', shape: [rows, columns], data: deltas.get(weight)! },
    ]),
  )
}

/** The mitigation of a run; without one, plain training. */
export async function mitigationRun(mitigation: Mitigation | undefined, model: MitigatedModel): Promise<MitigationRun> {
  // The schema holds every number that the method takes; those of other methods are not read.
  return mitigation ? RUNS[mitigation.method](mitigation as Required<Mitigation>, model) : {}
}
