/** What the parts of the bench that are measured alone print. */
import { expect, test } from 'vitest'
import { adapterLines } from '../../../../src/cli/bench/benchAdapters'
import { againstLines } from '../../../../src/cli/bench/benchAgainst'
import { isSoftwareName } from '../../../../src/runtime/device'

test('an adapter that computes on the CPU is named as one, and one that is missing says why', () => {
  const timed = { threads: 2, evaluations: 68, pictures: 17, msPerEvaluation: 15.25, msPerPicture: 70, reason: null }
  const lines = adapterLines([
    { provider: 'wasm', adapter: null, software: false, ...timed },
    { provider: 'webgpu', adapter: 'google swiftshader', software: isSoftwareName('google swiftshader'), ...timed },
    {
      ...{ provider: 'webgpu', adapter: null, software: false, threads: 0, evaluations: 0, pictures: 0 },
      ...{ msPerEvaluation: null, msPerPicture: null, reason: 'This browser has no WebGPU.' },
    },
  ])
  expect(lines).toEqual([
    'WASM, 2 threads: 15.3 ms a U-Net evaluation, 70.0 ms a picture',
    'WebGPU, google swiftshader (software): 15.3 ms a U-Net evaluation, 70.0 ms a picture',
    'WebGPU, no adapter: not measured: This browser has no WebGPU.',
  ])
  expect(isSoftwareName('nvidia ampere')).toBe(false)
})

test('what stands beside the product is a ratio, or the reason why there is none', () => {
  const lines = againstLines({
    ...{ batch: 8, steps: 8, guidance: 4, threads: 1, maxDifference: 2e-6 },
    contenders: [
      { name: 'plain calls', version: 'onnxruntime-web 1', msPerPicture: 300, ratio: 1.2, reason: null },
      { name: 'PyTorch on the CPU', version: 'PyTorch', msPerPicture: null, ratio: null, reason: 'no Python' },
    ],
  })
  expect(lines).toEqual([
    'Pictures in batches of 8, 8 steps under guidance, 1 thread:',
    '  plain calls (onnxruntime-web 1): 300.0 ms a picture, ratio 1.20',
    '  PyTorch on the CPU: not measured: no Python',
    '  plain calls and PyTorch differ by 2.0e-6 at most',
  ])
})
