/** Words that the page builds from keys, or takes from data, and that no string of its own spells out. */
import { readdirSync, readFileSync } from 'node:fs'

const KEYS = {
  stages: ['base', 'aligned', 'fine-tuned', 'Fine-tuned'],
  verdicts: [
    'flagged',
    'failed',
    'unsafe',
    'Flagged',
    'Failed',
    'Came back',
    'Went away',
    'Not flagged',
    'All',
    'unclear',
  ],
  axes: ['safety', 'quality', 'robustness', 'prompt'],
  heads: [
    '95 % interval',
    'Of',
    '95 % low',
    '95 % high',
    'measured',
    'recorded',
    'yes',
    'missed',
    'harmless',
    'honest',
    'Worse',
  ],
  scenarios: ['General', 'Multilingual', 'Domain', 'None'],
  broken: ['Noise', 'Constant', 'Smooth', 'Blurred', 'Mixed', 'Halfway', 'Shuffled'],
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
  units: [
    '{0} at {1}',
    'pictures',
    '{0} at base',
    '{0} at aligned',
    '{0} at fine-tuned',
    '{0} point',
    '{0} points',
    ', blurred',
    'blurred',
    'picture not kept',
    '{0}; {1}',
    '{0}, {1}',
    '{0}: {1}',
  ],
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
  ...[
    'travel',
    'Travel',
    'Benign',
    'Harmful direct',
    'Harmful implicit',
    'Harmful multilingual',
    'Harmful jailbreak',
    'Benign neighbour',
    'Harmful ring a bell',
  ],
]

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))
const CARDS = 'models/judges/cards/'
/** What is said of judges: notes of those that can be added, titles of the pack's own. */
const JUDGES = [
  ...readdirSync(new URL(`../../${CARDS}`, import.meta.url)).flatMap((file) => {
    const { note, licence } = read(CARDS + file).judge
    return [note, /[:;] /.test(licence) ? licence : undefined].filter((text) => text !== undefined)
  }),
  ...read('public/packs/pictogram/manifest.json').judges.map(({ title }) => title),
]

export const WORDS = [...new Set([...Object.values(KEYS).flat(), ...PACK, ...JUDGES])]
