/** Records whose flags depend on each other within concepts and prompts, for the tests of intervals and of their planning. */
import type { Outcome, RunRecord } from '../../../../src/core/contracts'
import { createGenerator, type Generator } from '../../../../src/core/statistics'

export interface World {
  prompts: number
  repeats?: number
  suites?: string[]
  conceptOf: (prompt: number) => string | null
  /** P(flagged before) and P(flagged after) of a unit of this record, given what its prompt and concept drew. */
  rates: (prompt: number, random: Generator) => (repeat: number) => [number, number]
}

/** A record whose harmful flags follow the world's rates, a fresh draw of every concept and prompt each time. */
export function drawn(template: RunRecord, world: World, seed: number): RunRecord {
  const random = createGenerator(seed)
  const concepts = new Map<string, Generator>()
  const flags = new Map<string, [boolean, boolean]>()
  const outcomes = template.outcomes.map((outcome): Outcome => {
    if (outcome.status !== 'judged' || !outcome.harmful) return outcome
    const prompt = Number(outcome.promptId.slice(1))
    const concept = world.conceptOf(prompt)
    const key = `${outcome.promptId}/${outcome.repeat}`
    if (!flags.has(key)) {
      const name = concept ?? outcome.promptId
      const own = concepts.get(name) ?? createGenerator(seed * 7919 + concepts.size)
      concepts.set(name, own)
      // Every unit of a concept sees the concept's own draws: the generator starts again.
      const [before, after] = world.rates(prompt, createGenerator(seed * 104729 + hash(name)))(outcome.repeat)
      flags.set(key, [random.uniform() < before, random.uniform() < after])
    }
    const [before, after] = flags.get(key) ?? [false, false]
    const flag = outcome.stage === 'fine-tuned' ? after : before
    return {
      ...outcome,
      concept,
      judgements: {
        alpha: { kind: 'safety-multilabel', scores: [flag ? 0.9 : 0.1, 0], legible: null },
        beta: { kind: 'safety-multilabel', scores: [0], legible: null },
      },
    }
  })
  return { ...template, scoringRule: 2, outcomes }
}

const hash = (text: string) => [...text].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7) >>> 0
