/** The exported training steps in a real browser against PyTorch, PEFT and torch.optim.AdamW (tests/golden/training). */
import { describe, expect, test } from 'vitest'
import { readSafetensors, type SafetensorsFile } from '../../src/core/adapters'
import type { Component, Training, TrainingProfile } from '../../src/core/contracts'
import { loadOrt, layOut } from '../../src/runtime'
import { TrainingStep, adapterBytes, type TrainingBatch, type TrainingState } from '../../src/runtime/trainer'
import { parseAdapter } from '../../src/core/adapters'
import goldenJson from '../golden/training/golden.json'
import { ORT_BASE } from '../helpers/engine'

interface GoldenProfile extends Omit<TrainingProfile, 'graph'> { losses: number[]; gradient: { norm: number; largest: number; values: number[] } }
const golden = goldenJson as unknown as {
  batchSize: number; count: number; stride: number; learningRate: number; optimiser: Training['optimiser']
  externalData: Component['externalData']; profiles: GoldenProfile[]
}
const FOLDER = new URL('/tests/golden/training/', location.origin).href
const bytesOf = async (name: string) => new Uint8Array(await (await fetch(FOLDER + name)).arrayBuffer())
const file = { path: 'x', bytes: 1, sha256: '0'.repeat(64) }
const component: Component = { graph: file, weights: file, externalData: golden.externalData, inputs: [], outputs: [] }
const training: Training = { batchSize: golden.batchSize, captionDropout: 0, optimiser: golden.optimiser, profiles: [], datasets: [], forbidden: file }

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
const batch = (step: number): TrainingBatch => ({
  count: golden.count,
  latents: noise(10 * step + 1, golden.count * 1024), noise: noise(10 * step + 2, golden.count * 1024),
  sigma: noise(10 * step + 3, golden.count).map((value) => value / 3.4 + 0.5), context: noise(10 * step + 4, golden.count * 32 * 192),
})

async function start(name: string): Promise<{ profile: GoldenProfile; step: TrainingStep; state: TrainingState; weights: Uint8Array<ArrayBuffer>; stored: SafetensorsFile }> {
  const profile = golden.profiles.find((one) => one.profile === name)!
  const bytes = await bytesOf('weights.safetensors')
  const weights = layOut('tiny', component, bytes)
  const stored = readSafetensors(bytes)
  const step = await TrainingStep.create(await loadOrt('wasm', 1, ORT_BASE), training, { ...profile, graph: file }, await bytesOf(`${name}.onnx`), component, weights)
  const flat = profile.lora ? noise(7, profile.length).map((value) => 0.05 * value) : new Float32Array(profile.length)
  if (!profile.lora) for (const row of profile.parameters) flat.set(stored.tensors.get(row.name)!.floats(), row.offset)
  return { profile, step, weights, stored, state: { step: 0, flat, m: new Float32Array(profile.length), v: new Float32Array(profile.length), losses: [], ratios: [] } }
}

describe.each(['lite', 'moderate', 'standard'])('%s', (name) => {
  test('gradient and 50 losses agree with PyTorch, and a second run is bit-identical', async () => {
    const { profile, step, state, weights, stored } = await start(name)
    const again: TrainingState = { ...state, losses: [], ratios: [] }
    const gradient = (await step.run(state, batch(0), golden.learningRate, true))!
    const { largest, norm, values } = profile.gradient
    const error = Math.max(...values.map((value, i) => Math.abs(value - gradient[i * golden.stride]!))) / largest
    expect(error).toBeLessThan(1e-4)
    expect(Math.abs(Math.hypot(...gradient) / norm - 1)).toBeLessThan(1e-4)
    for (let i = 1; i < profile.losses.length; i++) await step.run(state, batch(i), golden.learningRate)
    profile.losses.forEach((loss, i) => expect(Math.abs(state.losses[i]! / loss - 1)).toBeLessThan(1e-3))
    for (let i = 0; i < 3; i++) await step.run(again, batch(i), golden.learningRate)
    expect(again.losses).toEqual(state.losses.slice(0, 3))

    const adapter = parseAdapter(readSafetensors(adapterBytes({ ...profile, graph: file }, component, weights, state.flat)), new Map(golden.externalData.tensors.map((one) => [one.name, one.dims])), { strength: 1, name })
    expect(adapter.format).toBe(profile.lora ? 'lora' : 'delta')
    if (!profile.lora) {
      const row = profile.parameters[3]!
      const merged = stored.tensors.get(row.name)!.floats()
      adapter.targets.get(row.name)!(merged)
      merged.forEach((value, i) => expect(Math.abs(value - state.flat[row.offset + i]!)).toBeLessThan(1e-7))
    }
    await step.release()
  })
})
