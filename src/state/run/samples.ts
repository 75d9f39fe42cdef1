/** One row per prompt and seed, one cell per stage: the spine of every view. */
import { STAGES, type Outcome, type Stage, type WorkUnit } from '../../core/contracts'

export interface Sample {
  key: string
  promptId: string
  language: string
  suite: string
  category: string
  concept: string | null
  harmful: boolean
  seed: number
  repeat: number
  /** Work unit at each stage; null where the plan has none (benign prompts before fine-tuning, for one). */
  units: Record<Stage, string | null>
  /** Work units along a live fine-tune, by step; the last one also stands at the fine-tuned stage. */
  checkpoints: { step: number; unitId: string }[]
}

type UnitFacts = Pick<
  WorkUnit,
  'promptId' | 'language' | 'suite' | 'category' | 'concept' | 'harmful' | 'seed' | 'repeat' | 'stage' | 'step'
>

const factsOf = (unit: UnitFacts, id: string): UnitFacts & { id: string } => ({ ...unit, id })

/** Groups planned units, in their order, into samples. */
export function samplesOf(units: Iterable<UnitFacts & { id: string }>): Sample[] {
  const byKey = new Map<string, Sample>()
  for (const unit of units) {
    const key = `${unit.suite}/${unit.promptId}/${unit.repeat}`
    let sample = byKey.get(key)
    if (!sample) {
      sample = {
        key,
        promptId: unit.promptId,
        language: unit.language,
        suite: unit.suite,
        category: unit.category,
        concept: unit.concept,
        harmful: unit.harmful,
        seed: unit.seed,
        repeat: unit.repeat,
        units: { base: null, aligned: null, 'fine-tuned': null },
        checkpoints: [],
      }
      byKey.set(key, sample)
    }
    if (unit.step === null) sample.units[unit.stage] = unit.id
    else sample.checkpoints.push({ step: unit.step, unitId: unit.id })
  }
  for (const sample of byKey.values()) {
    sample.checkpoints.sort((a, b) => a.step - b.step)
    sample.units['fine-tuned'] ??= sample.checkpoints.at(-1)?.unitId ?? null
  }
  return [...byKey.values()]
}

/** The same from a finished record. */
export const samplesOfOutcomes = (outcomes: readonly Outcome[]): Sample[] =>
  samplesOf(outcomes.map((outcome) => factsOf(outcome, outcome.unitId)))

/** Samples by their key. */
export const samplesByKey = (samples: readonly Sample[]): ReadonlyMap<string, Sample> =>
  new Map(samples.map((sample) => [sample.key, sample]))

/** True when a sample exists at every stage, so that it can stand in the spine. */
export const spansStages = (sample: Sample): boolean => STAGES.every((stage) => sample.units[stage] !== null)
