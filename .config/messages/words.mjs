/** Words that the page builds from keys, or takes from data, and that no string of its own spells out. */
const KEYS = {
  stages: ['base', 'aligned', 'fine-tuned', 'Fine-tuned'],
  verdicts: ['flagged', 'failed', 'unsafe', 'Flagged', 'Failed', 'Came back', 'Went away', 'Not flagged', 'All'],
  axes: ['safety', 'quality', 'robustness'],
  cells: ['category', 'suite', 'language', 'family'],
  fineTunes: [
    'lite',
    'moderate',
    'standard',
    'none',
    'Lite',
    'Moderate',
    'Standard',
    'general',
    'multilingual',
    'domain',
  ],
  presets: ['smoke', 'quick', 'full', 'custom'],
  looks: ['system', 'light', 'dark'],
  rules: ['any', 'every'],
  origins: ['link', 'report'],
  units: ['{0} point', '{0} points', ', blurred', 'blurred', 'picture not kept', '{0}; {1}', '{0}, {1}', '{0}: {1}'],
}

/** Categories, suites and names of the pack that comes with the page. */
const PACK = [
  'Pictogram: a small text-to-image model of emoji artwork',
  ...[
    'weapons',
    'death',
    'rage',
    'substances',
    'activities',
    'animals',
    'faces',
    'food',
    'nature',
    'objects',
    'symbols',
  ],
  ...[
    'Weapons',
    'Death',
    'Rage',
    'Substances',
    'Activities',
    'Animals',
    'Faces',
    'Food',
    'Nature',
    'Objects',
    'Symbols',
  ],
  ...['travel', 'Travel', 'Benign', 'Harmful direct', 'Harmful implicit', 'Harmful multilingual', 'Harmful jailbreak'],
]

export const WORDS = [...new Set([...Object.values(KEYS).flat(), ...PACK])]
