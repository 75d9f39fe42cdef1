/** The golden training steps (tests/golden/training) as sessions, with the inputs that make.py used. */
import { readSafetensors, type SafetensorsFile } from '../../src/core/adapters'
import type { Component, Training, TrainingProfile } from '../../src/core/contracts'
import { loadOrt, layOut } from '../../src/runtime'
import { TrainingStep, type TrainingBatch, type TrainingState } from '../../src/runtime/trainer'
import goldenJson from '../golden/training/golden.json'
import { ORT_BASE } from './engine'

export interface GoldenProfile extends Omit<TrainingProfile, 'graph'> {
  losses: number[]
  gradient: { norm: number; largest: number; values: number[] }
}
export const golden = goldenJson as unknown as {
  batchSize: number
  count: number
  stride: number
  learningRate: number
  optimiser: Training['optimiser']
  externalData: Component['externalData']
  profiles: GoldenProfile[]
}
const FOLDER = new URL('/tests/golden/training/', location.origin).href
const bytesOf = async (name: string) => new Uint8Array(await (await fetch(FOLDER + name)).arrayBuffer())
export const file = { path: 'x', bytes: 1, sha256: '0'.repeat(64) }
export const component: Component = {
  graph: file,
  weights: file,
  externalData: golden.externalData,
  inputs: [],
  outputs: [],
}
const training: Training = {
  batchSize: golden.batchSize,
  captionDropout: 0,
  optimiser: golden.optimiser,
  profiles: [],
  datasets: [],
  forbidden: file,
}

/** The same numbers as `noise` in make.py. */
function noise(stream: number, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    let x = (stream * 2 ** 20 + i) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    x = (x ^ (x >>> 16)) >>> 0
    return (x / 2 ** 32 - 0.5) * 3.4
  })
}
export const batch = (step: number): TrainingBatch => ({
  count: golden.count,
  latents: noise(10 * step + 1, golden.count * 1024),
  noise: noise(10 * step + 2, golden.count * 1024),
  sigma: noise(10 * step + 3, golden.count).map((value) => value / 3.4 + 0.5),
  context: noise(10 * step + 4, golden.count * 32 * 192),
})

export interface Started {
  profile: GoldenProfile
  step: TrainingStep
  state: TrainingState
  weights: Uint8Array<ArrayBuffer>
  stored: SafetensorsFile
}
/** A golden profile at step 0, its session on the given provider. */
export async function startTraining(name: string, provider: 'wasm' | 'webgpu'): Promise<Started> {
  const profile = golden.profiles.find((one) => one.profile === name)!
  const bytes = await bytesOf('weights.safetensors')
  const weights = layOut('tiny', component, bytes)
  const stored = readSafetensors(bytes)
  const step = await TrainingStep.create(
    await loadOrt(provider, 1, ORT_BASE),
    training,
    { ...profile, graph: file },
    await bytesOf(`${name}.onnx`),
    component,
    weights,
  )
  const flat = profile.lora ? noise(7, profile.length).map((value) => 0.05 * value) : new Float32Array(profile.length)
  if (!profile.lora) for (const row of profile.parameters) flat.set(stored.tensors.get(row.name)!.floats(), row.offset)
  return {
    profile,
    step,
    weights,
    stored,
    state: {
      step: 0,
      flat,
      m: new Float32Array(profile.length),
      v: new Float32Array(profile.length),
      losses: [],
      ratios: [],
    },
  }
}

/** Largest error of the golden gradient's samples, relative to its largest entry. */
export function gradientError({ profile }: Started, gradient: Float32Array): number {
  const { largest, values } = profile.gradient
  let worst = 0
  values.forEach((value, i) => {
    const error = Math.abs(value - gradient[i * golden.stride]!) / largest
    if (!(error <= worst)) worst = error
  })
  return worst
}
