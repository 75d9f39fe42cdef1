/** The training step on WebGPU (a software adapter here): gradient and first losses against PyTorch. */
import { expect, test } from 'vitest'
import { batch, golden, gradientError, startTraining } from '../helpers/training'

// The profile `standard` agrees as well (1.5e-5), but a software adapter takes minutes over it.
test.each(['lite', 'moderate'])(
  '%s: gradient and first losses agree with PyTorch',
  async (name) => {
    const started = await startTraining(name, 'webgpu')
    const { profile, step, state } = started
    const gradient = (await step.run(state, batch(0), golden.learningRate, { wantGradient: true }))!
    const error = gradientError(started, gradient)
    console.info(`${name} on WebGPU: gradient ${error.toExponential(1)} from PyTorch's`)
    expect(error).toBeLessThan(1e-4)
    await step.run(state, batch(1), golden.learningRate)
    state.losses.forEach((loss, i) => expect(Math.abs(loss / profile.losses[i]! - 1)).toBeLessThan(1e-3))
    await step.release()
  },
  400_000,
)
