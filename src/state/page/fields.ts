/** Names of settings and parts of the page as the page itself writes them: raw keys are never shown. */
const NAMES: Record<string, string> = {
  method: 'Method',
  train: 'Training',
  'train-steps': 'Steps of the training',
  scenario: 'Harmless data',
  profile: 'Fine-tune of the pack',
  preset: 'How much is measured',
  n: 'Forbidden prompts',
  'n-benign': 'Harmless prompts',
  sampler: 'Speed of drawing',
  decoder: 'Decoder of the fast sampler',
  seed: 'Seed',
  settings: 'Settings',
  report: 'Report',
  gallery: 'Gallery',
  compare: 'Compare',
  about: 'About',
}

/** What a setting or a part is called; one without a name is written with its words apart. */
export const fieldName = (key: string): string => NAMES[key] ?? key.replaceAll('-', ' ')
