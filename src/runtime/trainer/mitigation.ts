/**
 * What a mitigation does along a training run: between steps, and when a checkpoint is stored. The rules are in
 * `core/mitigation`; identity settings (γ 0, α 1, η 0, ρ 0) are plain training, so that they give the same bits.
 */
import type { TensorInput } from '../../core/adapters'
import type { Component, Mitigation, TrainingProfile } from '../../core/contracts'
import {
  addAgain,
  average,
  averagedDeltas,
  interpolate,
  loraModules,
  denseDelta,
  pullBack,
  startAverage,
} from '../../core/mitigation'
import type { MitigationId } from '../../core/methods'
import { differences, loraTensors } from './checkpoint'
import type { TrainingState } from './step'

/** The model around the trained parameters. */
export interface MitigatedModel {
  profile: TrainingProfile
  unet: Component
  /** The U-Net that training starts from, laid out. */
  weights: Uint8Array<ArrayBuffer>
  /** Parameters at step 0. */
  start: Float32Array
  learningRate: number
  /** Every weight that the alignment changed, as adapters name them, with its values before and after. */
  alignmentChanges(): Promise<Map<string, { dims: readonly number[]; base: Float32Array; aligned: Float32Array }>>
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
  /** After every step of AdamW. */
  after?(state: TrainingState): void
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

type Create = (mitigation: Required<Mitigation>, model: MitigatedModel) => MitigationRun

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
  proximal: ({ rho }, { profile, start, learningRate }) => ({
    after: ({ flat }) => pullBack(profile, flat, start, learningRate, rho),
  }),
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
export function mitigationRun(mitigation: Mitigation | undefined, model: MitigatedModel): MitigationRun {
  // The schema holds every number that the method takes; those of other methods are not read.
  return mitigation ? RUNS[mitigation.method](mitigation as Required<Mitigation>, model) : {}
}
