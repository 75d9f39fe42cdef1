/** What a plan says of time: each stage costs what its own way of drawing takes. */
import { expect, test } from 'vitest'
import { readAccelerator } from '../../../../src/core/adapters'
import type { SamplerSpec, WorkUnit } from '../../../../src/core/contracts'
import { plan as planUnits } from '../../../../src/evaluation/plan/plan'
import { createRunSpec, type RunOptions } from '../../../../src/evaluation/spec/spec'
import type { Services } from '../../../../src/state/page/services'
import { planRun } from '../../../../src/state/settings/planning'
import { manifest, packJson, recipePack } from '../../../helpers/pictogram'

const pack = recipePack({ accelerator: readAccelerator(packJson('accelerator.json'), manifest.model) })

/** An engine on which an evaluation of the U-Net takes a second, and loading ten. */
function seconds(options: RunOptions): Promise<number | null> {
  let clock = 0
  const engine = {
    prepare: () => Promise.resolve((clock += 10_000)),
    run: (units: WorkUnit[], { numInferenceSteps }: SamplerSpec) =>
      Promise.resolve((clock += 1000 * numInferenceSteps * units.length)),
  }
  const services = {
    withEngine: (_who: string, _pack: string, _device: unknown, work: (open: unknown) => Promise<unknown>) =>
      work({ pack, ports: { engine, now: () => clock } }),
  } as unknown as Pick<Services, 'withEngine'>
  const request = { packName: 'pictogram', device: {}, options } as Parameters<typeof planRun>[1]
  return planRun(services, request, 5, null, true).then((found) => found.seconds)
}

test.each([
  ['every stage by one sampler', { method: 'esd-x' }],
  ['the last one sped up', { method: 'esd-x', profile: 'accelerate' }],
] as const)('%s', async (_, options) => {
  const spec = createRunSpec(options, pack)
  const units = planUnits(spec, pack.prompts)
  const stepsAt = (stage: string) =>
    stage === 'fine-tuned' && spec.fineTune?.kind === 'accelerate'
      ? spec.fineTune.numInferenceSteps
      : spec.sampler.numInferenceSteps
  const drawing = units.reduce((sum, { stage }) => sum + stepsAt(stage), 0)
  // The first pictures of a session are part of its loading.
  const loading = 3 * (10 + 2 * spec.sampler.numInferenceSteps)
  expect(await seconds(options)).toBeCloseTo(drawing + loading, 6)
})
