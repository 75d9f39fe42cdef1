/** What training leaves behind in IndexedDB: adapters by checkpoint key, and the state to go on from. */
import canonicalize from 'canonicalize'
import * as v from 'valibot'
import { loraMetadata, writeSafetensors, type TensorInput } from '../../core/adapters'
import {
  SpqrError,
  type AlignmentSpec,
  type Component,
  type LiveFineTune,
  type TrainingProfile,
} from '../../core/contracts'
import type { KeyValue } from '../storage/cache'
import { sha256Hex } from '../events'
import type { TrainingState } from './step'

const StateSchema = v.strictObject({
  step: v.number(),
  flat: v.instance(Float32Array),
  m: v.instance(Float32Array),
  v: v.instance(Float32Array),
  losses: v.array(v.number()),
  ratios: v.array(v.number()),
})

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
  const weights = alignment?.kind === 'inference' ? null : alignment
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
    device,
  }
  return (await sha256Hex(new TextEncoder().encode(canonicalize(facts)))).slice(0, 24)
}

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
  const tensors = new Map<string, TensorInput>()
  for (const { name, dims, offset } of profile.parameters) {
    const values = flat.slice(offset, offset + dims.reduce((a, b) => a * b, 1))
    if (profile.lora) {
      tensors.set(`unet.${name}`, { dtype: 'F32', shape: dims, data: values })
      continue
    }
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
  const targets = ['to_q', 'to_k', 'to_v', 'to_out.0']
  return writeSafetensors(
    tensors,
    profile.lora ? loraMetadata(profile.lora.rank, profile.lora.alpha, targets) : { format: 'delta' },
  )
}

export class CheckpointStore {
  constructor(private readonly store: KeyValue) {}

  /** The state a run was left in; null when there is none or it does not fit. */
  async state(run: string, length: number): Promise<TrainingState | null> {
    const stored = v.safeParse(StateSchema, await this.store.get(`${run}:state`).catch(() => undefined))
    return stored.success &&
      [stored.output.flat, stored.output.m, stored.output.v].every((part) => part.length === length)
      ? stored.output
      : null
  }

  async saveState(run: string, state: TrainingState): Promise<void> {
    await this.write(`${run}:state`, { ...state, losses: [...state.losses], ratios: [...state.ratios] }, state.step)
  }

  async saveAdapter(key: string, bytes: Uint8Array<ArrayBuffer>, step: number): Promise<void> {
    await this.write(key, bytes, step)
  }

  async adapter(key: string): Promise<Uint8Array<ArrayBuffer>> {
    const stored = await this.store.get(key)
    if (!(stored instanceof Uint8Array))
      throw new SpqrError(
        'RECORD_INVALID',
        `The checkpoint "${key}" is not stored in this browser.`,
        'Run the fine-tuning again.',
      )
    return stored as Uint8Array<ArrayBuffer>
  }

  private async write(key: string, value: unknown, step: number): Promise<void> {
    try {
      await this.store.set(key, value)
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      throw new SpqrError(
        'STORAGE_FULL',
        `The browser refused to store the checkpoint of step ${step} (${why}).`,
        'Delete stored runs or packs and start training again; it goes on where it stopped.',
      )
    }
  }
}
