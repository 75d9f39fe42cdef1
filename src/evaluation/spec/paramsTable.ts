/**
 * Every parameter of a run, once: name, default, comment and parser. The page's URL, the command line, the scripting
 * API and the settings panel all read this table; a parameter that is not here does not exist.
 */
import { MAX_CONTAMINATION, MAX_HELD_OUT, PROFILES, SCENARIOS, SCHEDULER_TYPES } from '../../core/contracts'
import {
  CANDIDATES,
  CLOSED_FORM_IDS,
  CLOSED_FORM_NUMBERS,
  COMPUTED_METHODS,
  MITIGATION_IDS,
  MITIGATION_NUMBERS,
  MITIGATIONS,
  mitigationNumbers,
  type MethodNumber,
  type MitigationId,
  type MitigationParameterName,
} from '../../core/methods'
import {
  ParameterProblem,
  flag,
  integer,
  list,
  mirrorAddress,
  modelAddress,
  oneOf,
  optional,
  real,
  word,
} from './parsers'

export interface Parameter<T> {
  default: T
  /** One sentence for `--help` and the settings panel. */
  comment: string
  /** Text of the URL or command line → value; throws ParameterProblem with what it must be. */
  parse(text: string): T
}

function parameter<T>(fallback: T, parse: (text: string) => T, comment: string): Parameter<T> {
  return { default: fallback, comment, parse }
}

/** A number of a method: empty takes the method's own, which stands in its row of the table. */
function methodNumber({ low, high, whole, help }: MethodNumber): Parameter<number | null> {
  return parameter<number | null>(null, optional(whole ? integer(low, high) : real(low, high)), help)
}

/** Every number of the mitigations as a parameter of its own. */
const MITIGATION_PARAMETERS = Object.fromEntries(
  Object.entries(MITIGATION_NUMBERS).map(([name, number]) => {
    const users = MITIGATION_IDS.filter((id) => mitigationNumbers(id).some((own) => own === name))
    const help = `Of mitigation ${users.join(', ')}: ${number.help} Empty: the method's own.`
    return [`mitigation-${name}`, methodNumber({ ...number, help })]
  }),
) as Record<MitigationParameterName, Parameter<number | null>>

/** What is measured: these determine the RunSpec. */
export const RUN_PARAMETERS = {
  preset: parameter<'smoke' | 'quick' | 'full' | 'custom'>(
    'quick',
    oneOf('smoke', 'quick', 'full', 'custom'),
    'How much is measured: smoke (8 harmful, 8 benign prompts), quick (64 and 64), full (all harmful suites, 240 benign) or custom.',
  ),
  method: parameter<string>(
    '',
    word,
    `Alignment method: an adapter or method of the pack, ${COMPUTED_METHODS.join(', ')}, or none; empty: the pack's first.`,
  ),
  computed: parameter(
    false,
    flag,
    `Compute a closed-form method (${CLOSED_FORM_IDS.join(', ')}) in the browser even where the pack ships one of that name.`,
  ),
  profile: parameter<(typeof PROFILES)[number] | 'accelerate' | 'none'>(
    'standard',
    oneOf(...PROFILES, 'accelerate', 'none'),
    'Benign fine-tune of the pack: lite (LoRA), moderate (cross-attention), standard (whole U-Net), accelerate (its accelerator, trained on the base for speed, added to the aligned model) or none.',
  ),
  scenario: parameter<(typeof SCENARIOS)[number]>(
    'general',
    oneOf(...SCENARIOS),
    'Harmless data of the fine-tune: general, multilingual or domain.',
  ),
  train: parameter<(typeof PROFILES)[number] | 'none'>(
    'none',
    oneOf(...PROFILES, 'none'),
    "Fine-tune in the browser with this profile instead of taking the pack's.",
  ),
  'train-steps': parameter(100, integer(1, 100_000), 'Steps of the fine-tuning in the browser.'),
  checkpoints: parameter<number[]>(
    [],
    list(integer(0, 100_000)),
    'Steps at which safety is measured during fine-tuning, separated by commas; 0 and the last step are always measured.',
  ),
  'train-batch': parameter<number | null>(
    null,
    optional(integer(1, 256)),
    "Batch size of the fine-tuning in the browser; empty: the pack's.",
  ),
  'learning-rate': parameter(1e-4, real(1e-8, 100), 'Learning rate of the fine-tuning in the browser (AdamW).'),
  'weight-decay': parameter<number | null>(
    null,
    optional(real(0, 10)),
    "Weight decay of AdamW; empty: the pack's, the benchmark's 0.01.",
  ),
  'clip-norm': parameter<number | null>(
    null,
    optional(real(1e-6, 1e6)),
    "Norm that gradients are clipped to; empty: the pack's, the benchmark's 1.",
  ),
  beta1: parameter<number | null>(
    null,
    optional(real(0, 0.999999)),
    "AdamW, β₁; empty: the pack's, the benchmark's 0.9.",
  ),
  beta2: parameter<number | null>(
    null,
    optional(real(0, 0.999999)),
    "AdamW, β₂; empty: the pack's, the benchmark's 0.999.",
  ),
  epsilon: parameter<number | null>(
    null,
    optional(real(1e-12, 1)),
    "AdamW, ε; empty: the pack's, the benchmark's 1e-8.",
  ),
  'train-seed': parameter(
    0,
    integer(0, 0xffffffff),
    'Seed of batches, noise and timesteps of the fine-tuning in the browser.',
  ),
  'held-out': parameter(
    0,
    integer(0, MAX_HELD_OUT),
    'Pictures of the harmless data that the fine-tuning in the browser does not see: how far its loss on them falls says how much was learned. 0: none.',
  ),
  contamination: parameter(
    0,
    real(0, MAX_CONTAMINATION),
    'Percent of the training pictures that are replaced by drawings which the safety judges flag: no benign fine-tuning, for dynamic shaping. 0: none.',
  ),
  mitigation: parameter<MitigationId | 'none'>(
    'none',
    oneOf('none', ...MITIGATION_IDS),
    `How the fine-tuning in the browser is done to keep safety: ${MITIGATION_IDS.map((id) => `${id} (${MITIGATIONS[id].name})`).join(', ')} or none.`,
  ),
  ...MITIGATION_PARAMETERS,
  beneath: parameter<'aligned' | 'base'>(
    'aligned',
    oneOf('aligned', 'base'),
    'Which model the fine-tuning in the browser trains: aligned, or base, with the alignment merged afterwards (modular LoRA).',
  ),
  suites: parameter<string[]>(
    [],
    list(word),
    "Harmful prompt suites, separated by commas, and benign-neighbour for over-caution; empty: the preset's.",
  ),
  n: parameter<number | null>(
    null,
    optional(integer(1, 1_000_000)),
    "Prompts from the head of each harmful suite; empty: the preset's.",
  ),
  'n-benign': parameter<number | null>(
    null,
    optional(integer(1, 1_000_000)),
    "Benign prompts, for P and Q; empty: the preset's.",
  ),
  repeats: parameter(1, integer(1, 100), 'Images per prompt, each from its own seed.'),
  seed: parameter(0, integer(0, 0xffffffff), 'Seed of the run: with the prompt it determines the starting noise.'),
  scheduler: parameter<(typeof SCHEDULER_TYPES)[number] | null>(
    null,
    optional(oneOf(...SCHEDULER_TYPES)),
    "Sampler by its diffusers name; empty: the pack's.",
  ),
  sampler: parameter(
    'auto' as 'auto' | 'full' | 'fast',
    oneOf('auto', 'full', 'fast'),
    "How pictures are drawn: full (the pack's steps with guidance), fast (its accelerator: few steps, guidance inside), or auto: fast for the presets smoke and quick where it can be.",
  ),
  decoder: parameter(
    'auto' as 'auto' | 'small' | 'model',
    oneOf('auto', 'small', 'model'),
    "What turns the fast sampler's latents into pictures: small (its own decoder), model (the model's, as in runs made before there was a small one), or auto: its own where it has one.",
  ),
  steps: parameter<number | null>(null, optional(integer(1, 1000)), "Denoising steps; empty: the pack's."),
  guidance: parameter<number | null>(
    null,
    optional(real(0, 100)),
    "Classifier-free guidance scale; empty: the pack's.",
  ),
  noise: parameter<'philox' | 'torch'>(
    'philox',
    oneOf('philox', 'torch'),
    'Generator of the starting noise: philox (counter-based) or torch (equals torch.Generator on the CPU).',
  ),
  judges: parameter<string[]>([], list(word), 'Judges by id, separated by commas; empty: all of the pack.'),
  scoring: parameter<'pack' | 'paper' | 'code'>(
    'pack',
    oneOf('pack', 'paper', 'code'),
    "Constants of the score (see the score's description).",
  ),
  concepts: parameter<string[]>(
    [],
    list(word),
    "Concepts that a closed-form or guidance method erases; empty: the harmful suites' own.",
  ),
  guide: parameter<string>(
    '',
    word,
    'Text that erased concepts are mapped to by a closed-form method; empty: the empty prompt.',
  ),
  preserve: parameter<string[]>(
    [],
    list(word),
    'Concepts that a closed-form method preserves; empty: those of the benign suite.',
  ),
  'erase-scale': methodNumber(CLOSED_FORM_NUMBERS.eraseScale),
  'preserve-scale': methodNumber(CLOSED_FORM_NUMBERS.preserveScale),
  lambda: methodNumber(CLOSED_FORM_NUMBERS.lambda),
  rounds: methodNumber(CLOSED_FORM_NUMBERS.rounds),
  candidates: methodNumber(CANDIDATES),
  'guide-judge': parameter<string>(
    '',
    word,
    'Of method best-of-n: the safety judge that chooses, by id, which then scores nothing; empty: the first that is not among "judges".',
  ),
} as const

/** How it is computed: these leave the RunSpec, and with WASM every bit of the pictures, as they are. */
export const DEVICE_PARAMETERS = {
  pack: parameter<string>(
    'pictogram',
    (text) => {
      if (!/^[\w-]{1,100}$/.test(text)) throw new ParameterProblem('the folder name of a pack')
      return text
    },
    'The model pack, by its folder under packs/.',
  ),
  model: parameter<string>(
    '',
    modelAddress,
    "A published ONNX model that generates in the place of the pack's: hf:owner/name[@revision][/subfolder] or an https folder; prompts and judges stay the pack's.",
  ),
  variant: parameter<string>(
    '',
    word,
    'Precision of the published model, by what its file names say, such as fp16; empty: the plain files.',
  ),
  'judge-set': parameter<string[]>(
    [],
    list(word),
    "Judges in the place of the pack's on their axes, separated by commas: cards by id (such as clip-vit-base-patch32) or addresses with a manifest.json.",
  ),
  mirror: parameter<string>('', mirrorAddress, 'Address of a hub mirror for hf: models; empty: huggingface.co.'),
  ep: parameter<'auto' | 'wasm' | 'webgpu'>(
    'auto',
    oneOf('auto', 'wasm', 'webgpu'),
    'Where networks run: auto (WebGPU where an adapter exists), wasm or webgpu.',
  ),
  threads: parameter(0, integer(0, 64), 'WASM threads; 0: chosen for this machine.'),
  batch: parameter(8, integer(1, 256), 'Images generated together.'),
} as const

type Values<Table> = { [Key in keyof Table]: Table[Key] extends Parameter<infer T> ? T : never }
export type RunParameters = Values<typeof RUN_PARAMETERS>
export type DeviceParameters = Values<typeof DEVICE_PARAMETERS>
export type Parameters = RunParameters & DeviceParameters

export const PARAMETERS = { ...RUN_PARAMETERS, ...DEVICE_PARAMETERS }
export type ParameterName = keyof typeof PARAMETERS
