/** The exported training steps in a real browser against PyTorch, PEFT and torch.optim.AdamW (tests/golden/training). */
import { describe, expect, test } from 'vitest'
import { parseAdapter, readSafetensors } from '../../src/core/adapters'
import { adapterBytes, type TrainingState } from '../../src/runtime/trainer'
import { batch, component, file, golden, gradientError, startTraining } from '../helpers/training'

describe.each(['lite', 'moderate', 'standard'])('%s', (name) => {
  test('gradient and 50 losses agree with PyTorch, and a second run is bit-identical', async () => {
    const started = await startTraining(name, 'wasm')
    const { profile, step, state, weights, stored } = started
    const again: TrainingState = { ...state, losses: [], ratios: [] }
    const gradient = (await step.run(state, batch(0), golden.learningRate, { wantGradient: true }))!
    expect(gradientError(started, gradient)).toBeLessThan(1e-4)
    expect(Math.abs(Math.hypot(...gradient) / profile.gradient.norm - 1)).toBeLessThan(1e-4)
    for (let i = 1; i < profile.losses.length; i++) await step.run(state, batch(i), golden.learningRate)
    profile.losses.forEach((loss, i) => expect(Math.abs(state.losses[i]! / loss - 1)).toBeLessThan(1e-3))
    for (let i = 0; i < 3; i++) await step.run(again, batch(i), golden.learningRate)
    expect(again.losses).toEqual(state.losses.slice(0, 3))

    const adapter = parseAdapter(
      readSafetensors(adapterBytes({ ...profile, graph: file }, component, weights, state.flat)),
      new Map(golden.externalData.tensors.map((one) => [one.name, one.dims])),
      { strength: 1, name },
    )
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
