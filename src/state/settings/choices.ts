/** Fine-tunes in words, for buttons and for the sentence that says what was taken instead. */
import { MITIGATIONS } from '../../core/methods'
import { defaultParameters, type Parameters } from '../../evaluation/spec/params'
import type { FineTuneChoice, Possible } from '../../evaluation/spec/possible'
import { figure } from '../page/format'

function choiceName(profile: string): string {
  if (profile === 'accelerate') return 'sped up'
  return profile === 'none' ? 'no fine-tuning' : profile
}

/** "Take lite", "Train lite here, 30 steps", "No fine-tuning". */
export function offerText(choice: FineTuneChoice): string {
  if (choice.method !== undefined) return 'Take the first method of the model'
  if (choice.n !== undefined || choice['n-benign'] !== undefined) return 'Take as many prompts as there usually are'
  if (choice.train && choice.train !== 'none') return `Train ${choice.train} here, ${choice['train-steps']} steps`
  if (!choice.profile || choice.profile === 'none') return 'No fine-tuning'
  return `Take ${choice.profile}, ${choice.scenario} data`
}

/** Why another fine-tune stands there than before. */
export function nearestNote({ profile, scenario, train }: Parameters, taken: FineTuneChoice): string {
  const wanted = train !== 'none' ? `${train} trained here` : `${choiceName(profile)} on ${scenario} data`
  const now =
    taken.train && taken.train !== 'none'
      ? `${taken.train} is trained here instead, ${taken['train-steps']} steps`
      : taken.profile === 'none'
        ? 'it runs without fine-tuning instead'
        : `${taken.profile} on ${taken.scenario} data is taken instead`
  if (train === 'none' && profile === 'accelerate')
    return `No accelerator can be added to this method, whose guidance it would take the place of; ${now}.`
  return `The pack has no fine-tune ${wanted} for this method; ${now}.`
}

/** What the button does: "Run UCE, lite". `files`: adapters of the user's; `method`: its name. */
export function runLabel(values: Parameters, files: number, method: string | undefined): string {
  const { train, profile } = values
  const usual = defaultParameters()
  const changed = files > 0 || values.method !== usual.method || profile !== usual.profile || train !== usual.train
  if (!changed) return 'Run the demo'
  return `Run ${method ?? 'the model'}, ${train === 'none' ? choiceName(profile) : `${train} trained here`}`
}

/** Names of what is measured; `fineTune`: files of the user's, empty where there are none. */
interface Named {
  model: string
  method: string
  fineTune: string
  fast: boolean
}

/** One line that says what the next run will do. */
export function summaryLine(values: Parameters, { model, method, fineTune, fast }: Named): string {
  const { preset, steps } = values
  const shown = values.train === 'none' && fineTune !== '' ? fineTune : fineTuneLine(values)
  return [
    model,
    method,
    shown,
    `${preset} preset`,
    ...(steps === null ? [] : [`${figure(steps, 0)} steps`]),
    ...(fast ? ['fast sampler'] : []),
  ].join(' · ')
}

function fineTuneLine({ train, profile, scenario, mitigation, 'train-steps': steps }: Parameters): string {
  if (train === 'none' && profile === 'accelerate') return 'sped up by an accelerator'
  if (train === 'none') return profile === 'none' ? 'no fine-tuning' : `${profile} fine-tune, ${scenario} data`
  const here = `${train} fine-tune here, ${steps} steps`
  return mitigation === 'none' ? here : `${here}, ${MITIGATIONS[mitigation].name}`
}

/** What choosing a sampler takes back: the fast one has these inside, and the others have no decoder of their own. */
export const taken = (sampler: string): Partial<Parameters> =>
  sampler === 'fast' ? { steps: null, guidance: null, scheduler: null } : { decoder: 'auto' }

/** Pictures to hold out where a mitigation is chosen, so that what was learned can be told: a quarter, at most 24. */
export function heldOutFor(folder: { count: number } | null): string {
  const quarter = folder === null ? 24 : Math.min(24, Math.floor(folder.count / 4))
  return String(quarter < 2 ? 0 : quarter)
}

/** Whether the pack's fast sampler will draw the pictures. */
export function drawsFast({ sampler }: Parameters, checked: Possible | null): boolean {
  return checked?.fast ?? sampler === 'fast'
}
