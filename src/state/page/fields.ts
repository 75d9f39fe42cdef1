/** Names of settings and parts of the page as the page itself writes them: raw keys are never shown. */
import { CANDIDATES, MITIGATION_NUMBERS, mitigationParameter, type MitigationNumber } from '../../core/methods'

const NAMES: Record<string, string> = {
  method: 'Method',
  train: 'Training',
  'train-steps': 'Steps of the training',
  scenario: 'Harmless data',
  sampler: 'Speed of drawing',
  profile: 'Fine-tune of the pack',
  preset: 'How much is measured',
  suites: 'Suites',
  n: 'Forbidden prompts',
  'n-benign': 'Harmless prompts',
  seed: 'Seed',
  repeats: 'Seeds per prompt',
  scoring: 'Constants of the score',
  computed: 'Where the method comes from',
  concepts: 'Concepts to remove',
  preserve: 'Concepts to keep',
  guide: 'Map removed concepts to',
  'erase-scale': 'Erase weight',
  'preserve-scale': 'Keep weight',
  lambda: 'Ridge λ',
  rounds: 'Rounds of the method',
  candidates: CANDIDATES.label,
  'guide-judge': 'Judge that chooses',
  checkpoints: 'Measure at steps',
  'learning-rate': 'Learning rate',
  'train-batch': 'Batch size of the training',
  'train-seed': 'Seed of the training',
  'weight-decay': 'Weight decay',
  'clip-norm': 'Clip gradients to',
  beta1: 'AdamW β₁',
  beta2: 'AdamW β₂',
  epsilon: 'AdamW ε',
  mitigation: 'What keeps safety',
  'held-out': 'Pictures held out',
  contamination: 'Flagged pictures among the data',
  beneath: 'Which model is trained',
  ...Object.fromEntries(
    Object.entries(MITIGATION_NUMBERS).map(([name, { label }]) => [
      mitigationParameter(name as MitigationNumber),
      label,
    ]),
  ),
  decoder: 'Decoder',
  scheduler: 'Sampler',
  steps: 'Drawing steps',
  guidance: 'Guidance',
  ep: 'Networks run on',
  threads: 'Threads',
  batch: 'Pictures drawn at once',
  model: 'Published ONNX model',
  variant: 'Precision',
  mirror: 'Mirror of the hub',
  'judge-set': 'Judges',
  settings: 'Settings',
  report: 'Report',
  gallery: 'Gallery',
  compare: 'Compare',
  about: 'About',
}

/** Whether the page has a control of that name, and so a word for it. */
export const hasName = (key: string): boolean => Object.hasOwn(NAMES, key)

/** What a setting or a part is called; one without a name is written with its words apart. */
export const fieldName = (key: string): string => NAMES[key] ?? key.replaceAll('-', ' ')

/** What the parameters' parser says of a value. */
const WRONG = /^Parameter "([^"]*)" must be (.*); it is "(.*)"\.$/s

/** The same with the name that the page gives the setting. */
export function wrongSetting(message: string): string {
  const [, name = '', wanted = '', given = ''] = WRONG.exec(message) ?? []
  return hasName(name) ? `${fieldName(name)} must be ${wanted}; it is "${given}".` : message
}
