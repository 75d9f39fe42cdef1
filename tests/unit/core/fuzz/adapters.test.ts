/**
 * Two thousand inputs for each reader: nothing but typed refusals, within a second and without large memory, and what is
 * accepted is what the file says.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAdapter, readSafetensors, writeSafetensors } from '../../../../src/core/adapters'
import { SpqrError } from '../../../../src/core/contracts'
import { readConfig, SchedulerFileSchema } from '../../../../src/core/repository/configs'
import { deriveScheduler } from '../../../../src/core/repository/scheduler'
import { createScheduler } from '../../../../src/core/schedulers'

const RUNS = { numRuns: 2000, seed: 20, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true }
/** Most milliseconds for one input, on a machine that may be busy with other tests. */
const SLOWEST = 1000

/** The result, or null for a refusal; anything else that is thrown fails the property. */
function read<T>(reader: () => T): T | null {
  const start = performance.now()
  try {
    return reader()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SpqrError)
    expect((thrown as SpqrError).code).not.toBe('UNEXPECTED')
    return null
  } finally {
    expect(performance.now() - start).toBeLessThan(SLOWEST)
  }
}

const MODULE = 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k'
const weights = new Map<string, readonly number[]>([
  [`${MODULE}.weight`, [3, 4]],
  [`${MODULE}.bias`, [3]],
  ['text_encoder.text_model.encoder.layers.0.self_attn.k_proj.weight', [3, 4]],
])
const prefix = fc.constantFrom('unet.', '', 'base_model.model.', 'base_model.model.unet.')
const odd = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom('constructor', '__proto__', 'toString', 'lora_A.weight'),
)
const number = fc.oneof(fc.integer({ min: -3, max: 9 }), fc.double(), fc.constantFrom(0, -0, 1e308))
const config = fc.record(
  {
    r: fc.oneof(fc.constantFrom(1, 2), number),
    lora_alpha: fc.oneof(fc.constantFrom(1, 2, 4), fc.integer({ min: -3, max: 9 })),
    use_rslora: fc.boolean(),
    alpha_pattern: fc.oneof(
      fc.constant({}),
      fc.dictionary(fc.oneof(odd, fc.constantFrom('to_k', '^mid.*', '(a+)+$')), number),
    ),
    init_lora_weights: fc.oneof(fc.boolean(), fc.constantFrom('gaussian', 'pissa', 'olora')),
    bias: fc.constantFrom('none', 'all'),
  },
  { requiredKeys: [] },
)

test('a LoRA that is accepted changes its weight by scale·B·A, whatever its metadata say', () => {
  let accepted = 0
  fc.assert(
    fc.property(
      prefix,
      fc.option(config, { nil: undefined }),
      fc.integer({ min: 1, max: 3 }),
      fc.dictionary(odd, fc.string(), { maxKeys: 2 }),
      (start, fields, rank, metadata) => {
        const [down, up] = [new Float32Array(rank * 4).fill(0.5), new Float32Array(3 * rank).fill(2)]
        const bytes = writeSafetensors(
          new Map([
            [`${start}${MODULE}.lora_A.weight`, { dtype: 'F32' as const, shape: [rank, 4], data: down }],
            [`${start}${MODULE}.lora_B.weight`, { dtype: 'F32' as const, shape: [3, rank], data: up }],
          ]),
          metadata,
        )
        const adapter = read(() =>
          parseAdapter(readSafetensors(bytes), weights, { strength: 1, name: 'x', ...(fields && { config: fields }) }),
        )
        if (!adapter) return
        accepted += 1
        const weight = new Float32Array(12)
        adapter.targets.get(`${MODULE}.weight`)!(weight)
        const patterned = Object.keys(fields?.alpha_pattern ?? {}).length > 0
        if (patterned || metadata['lora_alpha'] !== undefined) return
        const alpha = fields?.lora_alpha ?? rank
        const scale = fields ? alpha / (fields.use_rslora ? Math.sqrt(rank) : rank) : 1
        expect(weight[0]).toBe(Math.fround(scale * rank) + 0)
      },
    ),
    RUNS,
  )
  expect(accepted).toBeGreaterThan(100)
})

test('safetensors: a file cut, spliced or with a byte changed is refused or holds what its header says', () => {
  const good = writeSafetensors(
    new Map([[`unet.${MODULE}.lora_A.weight`, { dtype: 'F32' as const, shape: [2, 4], data: new Float32Array(8) }]]),
    { format: 'pt' },
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.nat(good.length),
      fc.uint8Array({ maxLength: 16 }),
      (changes, end, tail) => {
        const bytes = Uint8Array.from([...good.subarray(0, end), ...tail])
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        const file = read(() => readSafetensors(bytes))
        if (!file) return
        const size = [...file.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0)
        const header = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
        expect(8 + header + size).toBe(bytes.length)
      },
    ),
    RUNS,
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(() => readSafetensors(bytes))),
    RUNS,
  )
})

/** Mostly a value as published, now and then anything. */
const mostly = (usual: readonly unknown[]) =>
  fc.oneof({ weight: 15, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: setting })
const setting = fc.oneof(number, fc.boolean(), fc.constant(null), odd)
const scheduler = fc
  .tuple(
    fc.constantFrom(
      'EulerDiscreteScheduler',
      'EulerAncestralDiscreteScheduler',
      'DDIMScheduler',
      'LCMScheduler',
      'PNDMScheduler',
      'DPMSolverMultistepScheduler',
      'FlowMatchEulerDiscreteScheduler',
      'HeunDiscreteScheduler',
      'EDMEulerScheduler',
    ),
    fc.record(
      {
        skip_prk_steps: fc.constant(true),
        num_train_timesteps: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 2000 })),
        beta_start: mostly([0.00085, 0.0001]),
        beta_end: mostly([0.012, 0.02]),
        beta_schedule: fc.constantFrom('linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid'),
        prediction_type: fc.constantFrom('epsilon', 'v_prediction', 'sample', 'flow_prediction', 'x'),
        timestep_spacing: fc.constantFrom('leading', 'linspace', 'trailing'),
        steps_offset: fc.nat(3),
        use_karras_sigmas: fc.boolean(),
        use_exponential_sigmas: fc.boolean(),
        use_flow_sigmas: fc.boolean(),
        rescale_betas_zero_snr: fc.boolean(),
        final_sigmas_type: fc.constantFrom('zero', 'sigma_min'),
        thresholding: fc.boolean(),
        sigma_min: mostly([0.1, null]),
        sigma_max: mostly([9, null]),
        shift: mostly([3]),
        shift_terminal: mostly([0.1]),
        clip_sample_range: mostly([1, 2]),
        algorithm_type: mostly(['dpmsolver++']),
      },
      { requiredKeys: ['skip_prk_steps'] },
    ),
    fc.integer({ min: 1, max: 12 }),
  )
  .map(([name, fields, steps]) => ({ text: JSON.stringify({ _class_name: name, ...fields }), steps }))

test('scheduler configurations: refused, or a schedule of finite numbers whose steps end', () => {
  let accepted = 0
  fc.assert(
    fc.property(scheduler, ({ text, steps }) => {
      const sampler = read(() => {
        const file = readConfig(SchedulerFileSchema, 'scheduler_config.json', text)
        return createScheduler(deriveScheduler(file, { numInferenceSteps: steps, guidanceScale: 1 }, []), steps)
      })
      if (!sampler) return
      accepted += 1
      let sample = Float32Array.of(0.5, -1).map((x) => x * sampler.initNoiseSigma) as Float32Array
      sampler.timesteps.forEach((t, i) => {
        const output = sampler.scaleModelInput(sample, i).map((x) => 0.1 * x)
        sample = sampler.step(output, i, sample, Float32Array.of(0.3, -0.2))
        // A schedule that is all noise may still give NaN, which the run records as a failed picture.
        if (!Number.isFinite(t) || sample.length !== 2) throw new Error(`${text} step ${i}`)
      })
    }),
    RUNS,
  )
  expect(accepted).toBeGreaterThan(100)
})
