/** What training leaves behind in IndexedDB: adapters by checkpoint key, and the state to go on from. */
import * as v from 'valibot'
import { loraMetadata, writeSafetensors, type TensorInput } from '../../core/adapters'
import {
  SpqrError,
  type AlignmentSpec,
  type Component,
  type LiveFineTune,
  type TrainingProfile,
} from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { checkpointHashKey, storedCheckpoint } from '../storage/adapterShelf'
import type { KeyValue } from '../storage/cache'
import { digestHex } from '../events'
import type { TrainingState } from './step'

const StateSchema = v.strictObject({
  step: v.number(),
  flat: v.instance(Float32Array),
  m: v.instance(Float32Array),
  v: v.instance(Float32Array),
  losses: v.array(v.number()),
  ratios: v.array(v.number()),
  sha256: v.optional(v.string()),
  average: v.optional(v.instance(Float32Array)),
})
const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)

/**
 * Name of a training run: everything that determines its weights at step i, and so neither the number of steps nor the
 * checkpoints. Alignment at inference changes no weights and is left out.
 */
export async function runKey(
  manifestSha256: string,
  alignment: AlignmentSpec | null,
  fineTune: LiveFineTune,
  device: { provider: string; threads: number },
): Promise<string> {
  const { profile, scenario, batchSize, learningRate, optimiser, seed, dataset, datasetSha256 } = fineTune
  const { heldOut, contamination, mitigation } = fineTune
  const weights = trainedAlignment(alignment, fineTune)
  const facts = {
    manifestSha256,
    alignment: weights,
    profile,
    scenario,
    batchSize,
    learningRate,
    ...(optimiser ? { optimiser } : {}),
    seed,
    dataset,
    datasetSha256,
    ...(heldOut === undefined ? {} : { heldOut }),
    ...(contamination === undefined ? {} : { contamination }),
    ...(mitigation ? { mitigation } : {}),
    device,
  }
  return hashOf(facts).slice(0, 24)
}

/** The alignment whose weights training starts from; null: those of the base model. */
export const trainedAlignment = (alignment: AlignmentSpec | null, { beneath }: LiveFineTune): AlignmentSpec | null =>
  beneath === 'base' || alignment?.kind === 'inference' ? null : alignment

export const checkpointKey = (run: string, step: number): string => `${run}-${step}`

/** Float32 view of a weight in the laid-out buffer. */
export function weightView(component: Component, weights: Uint8Array<ArrayBuffer>, name: string): Float32Array {
  const place = component.externalData.tensors.find((tensor) => tensor.name === name)
  if (!place)
    throw new SpqrError(
      'GRAPH_MISMATCH',
      `The training step trains the weight "${name}", which the U-Net lacks.`,
      'Publish the pack again.',
    )
  return new Float32Array(weights.buffer, weights.byteOffset + place.offset, place.length / 4)
}

/** LoRA factors as the tensors of a file that diffusers loads. */
export function loraTensors(profile: TrainingProfile, flat: Float32Array): Map<string, TensorInput> {
  return new Map(
    profile.parameters.map(({ name, dims, offset }) => [
      `unet.${name}`,
      { dtype: 'F32', shape: dims, data: flat.slice(offset, offset + product(dims)) },
    ]),
  )
}

/** The difference W′ − W of every weight that changed; `weights` is what training started from. */
export function differences(
  profile: TrainingProfile,
  component: Component,
  weights: Uint8Array<ArrayBuffer>,
  flat: Float32Array,
): Map<string, TensorInput> {
  const tensors = new Map<string, TensorInput>()
  for (const { name, dims, offset } of profile.parameters) {
    const values = flat.slice(offset, offset + product(dims))
    const start = weightView(component, weights, name)
    let changed = false
    for (let i = 0; i < values.length; i++) {
      values[i]! -= start[i]!
      changed ||= values[i] !== 0
    }
    // At step 0 nothing has changed; one difference of zeros still makes a valid file.
    if (changed || (tensors.size === 0 && name === profile.parameters.at(-1)!.name))
      tensors.set(name, { dtype: 'F32', shape: dims, data: values })
  }
  return tensors
}

/** A change of the model as an adapter file. */
export function changeBytes(
  profile: TrainingProfile,
  { format, tensors }: { format: 'lora' | 'delta'; tensors: Map<string, TensorInput> },
): Uint8Array<ArrayBuffer> {
  return writeSafetensors(
    tensors,
    format === 'lora' && profile.lora
      ? loraMetadata(profile.lora.rank, profile.lora.alpha, ['to_q', 'to_k', 'to_v', 'to_out.0'])
      : { format: 'delta' },
  )
}

/**
 * The trained parameters as an adapter: a LoRA that diffusers loads, or the difference W′ − W of every weight that
 * changed. `weights` is what training started from.
 */
export function adapterBytes(
  profile: TrainingProfile,
  component: Component,
  weights: Uint8Array<ArrayBuffer>,
  flat: Float32Array,
): Uint8Array<ArrayBuffer> {
  return changeBytes(
    profile,
    profile.lora
      ? { format: 'lora', tensors: loraTensors(profile, flat) }
      : { format: 'delta', tensors: differences(profile, component, weights, flat) },
  )
}

export type OnWarning = (code: 'STORAGE_FULL' | 'CHECKPOINT_INVALID', message: string) => void

/** Checkpoints and states, each with a hash that is checked when it is read; in memory once storage refuses. */
export class CheckpointStore {
  private readonly memory = new Map<string, Uint8Array<ArrayBuffer>>()
  private refused = false

  constructor(
    private readonly store: KeyValue,
    private readonly onWarning: OnWarning = () => undefined,
  ) {}

  /** The state a run was left in; null when there is none, it does not fit (`averageLength` 0: it holds no average) or is damaged. */
  async state(run: string, length: number, averageLength = 0): Promise<TrainingState | null> {
    const found = await this.store.get(`${run}:state`).catch(() => undefined)
    if (found === undefined) return null
    const stored = v.safeParse(StateSchema, found)
    if (stored.success) {
      const { sha256, ...state } = stored.output
      const parts = [state.flat, state.m, state.v]
      const mean = state.average ?? new Float32Array()
      // Versions before 0.2 stored no hash: of their states only the numbers can be checked.
      const whole = sha256 === undefined ? [...parts, mean].every(finite) : sha256 === (await stateHash(state))
      if (whole && parts.every((part) => part.length === length) && mean.length === averageLength) return state
    }
    this.onWarning('CHECKPOINT_INVALID', 'What training had stored was damaged; it is trained again from the start.')
    return null
  }

  async saveState(run: string, state: TrainingState): Promise<void> {
    const { step, flat, m, v: second, losses, ratios, average } = state
    const copy = {
      step,
      flat,
      m,
      v: second,
      losses: [...losses],
      ratios: [...ratios],
      ...(average ? { average } : {}),
    }
    await this.write(`${run}:state`, { ...copy, sha256: await stateHash(copy) })
  }

  /** Never refuses: what storage has no room for stays in memory. */
  async saveAdapter(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const stored = (await this.write(checkpointHashKey(key), await digestHex(bytes))) && (await this.write(key, bytes))
    if (stored) this.memory.delete(key)
    else this.memory.set(key, bytes)
  }

  /** @throws SpqrError CHECKPOINT_INVALID when it is missing, damaged or cut short */
  async adapter(key: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.memory.get(key) ?? storedCheckpoint(this.store, key)
  }

  /** Whether it was stored; a refusal is told once. */
  private async write(key: string, value: unknown): Promise<boolean> {
    try {
      await this.store.set(key, value)
      return true
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      if (!this.refused)
        this.onWarning(
          'STORAGE_FULL',
          `The browser refused to store the checkpoints of the training (${why}). They stay in memory for this visit.`,
        )
      this.refused = true
      return false
    }
  }
}

const finite = (values: Float32Array): boolean => values.every(Number.isFinite)

/** SHA-256 over everything a state holds. */
async function stateHash({ step, flat, m, v: second, losses, ratios, average }: TrainingState): Promise<string> {
  const parts = [flat, m, second, ...(average ? [average] : [])].map((part) =>
    digestHex(new Uint8Array(part.slice().buffer)),
  )
  const text = JSON.stringify([step, losses, ratios, ...(await Promise.all(parts))])
  return digestHex(new TextEncoder().encode(text))
}
