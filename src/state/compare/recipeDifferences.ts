/** What differs between the recipes of two runs, in words. */
import { suitesOfRun, type RunSpec } from '../../core/contracts'
import { alignmentName, fineTuneName } from '../page/names'

const samplerName = ({
  accelerator,
  decoder,
  numInferenceSteps: steps,
  guidanceScale,
  scheduler,
}: RunSpec['sampler']): string =>
  accelerator === undefined
    ? `${scheduler}, ${steps} steps, guidance ${guidanceScale}`
    : decoder === undefined
      ? `the fast sampler, ${steps} steps`
      : `the fast sampler with its own decoder, ${steps} steps`
const promptsName = (prompts: RunSpec['prompts']): string =>
  suitesOfRun(prompts)
    .map(({ suite, count }) => `${count} of ${suite}`)
    .join(', ') + `, ${prompts.seedsPerPrompt} of each`

/** A part of a specification under the name a reader knows, and what it is in words. */
const PARTS: readonly [keyof RunSpec, string, (spec: RunSpec) => string][] = [
  ['model', 'Model', ({ model }) => `${model.id} ${model.version}`],
  ['alignment', 'Alignment', ({ alignment }) => alignmentName(alignment)],
  ['fineTune', 'Fine-tuning', ({ fineTune }) => fineTuneName(fineTune)],
  ['prompts', 'Prompts', ({ prompts }) => promptsName(prompts)],
  ['seed', 'Seed', ({ seed }) => String(seed)],
  ['sampler', 'Sampler', ({ sampler }) => samplerName(sampler)],
  ['judges', 'Judges', ({ judges }) => judges.join(', ')],
  ['scoring', 'Constants', ({ scoring }) => scoring.name],
  ['preset', 'Preset', ({ preset }) => preset],
]

export interface RecipeDifference {
  what: string
  first: string
  second: string
  /** Settings inside it that differ, where both have the same name: "eraseScale, rounds". */
  inside: string
}

/** @param paths dotted paths at which the specifications differ; every one is in some difference */
export function recipeDifferences(first: RunSpec, second: RunSpec, paths: readonly string[]): RecipeDifference[] {
  return PARTS.flatMap(([key, what, words]) => {
    const mine = paths.filter((path) => path === key || path.startsWith(`${key}.`))
    if (mine.length === 0) return []
    const [a, b] = [words(first), words(second)]
    const inside = a === b ? mine.map((path) => path.slice(key.length + 1) || key).join(', ') : ''
    return [{ what, first: a, second: b, inside }]
  })
}
