/** Which units of a plan a shard makes: its own, and the canaries that every shard of the run makes. */
import type { Shard } from '../../core/contracts'
import { isOwn } from '../../core/shards'
import type { UnitFacts } from './plan'

/** Canaries of a run: enough to touch every stage's weights, few beside the 32 to 64 units of a shard. */
const CANARIES = 4

type Unit = Pick<UnitFacts, 'id' | 'stage' | 'step' | 'harmful' | 'promptId' | 'repeat'>

/**
 * Four units that stand for the run: one of the base, a harmful and a benign one of the aligned and one of the fine-tuned
 * model (of its last step), each the first by id; where a run lacks one of these, the next by id.
 */
export function canariesOf<U extends Unit>(units: readonly U[]): U[] {
  const byId = [...units].sort((a, b) => (a.id < b.id ? -1 : 1))
  const last = units.at(-1)?.step ?? null
  const wanted: ((unit: U) => boolean)[] = [
    ({ stage }) => stage === 'base',
    ({ stage, harmful }) => stage === 'aligned' && harmful,
    ({ stage, harmful }) => stage === 'aligned' && !harmful,
    ({ stage, step }) => stage === 'fine-tuned' && step === last,
  ]
  const chosen = new Set(wanted.flatMap((fits) => byId.find(fits) ?? []))
  for (const unit of byId) {
    if (chosen.size >= CANARIES) break
    chosen.add(unit)
  }
  return units.filter((unit) => chosen.has(unit))
}

/** What a shard makes, in the plan's order. */
export function unitsOfShard<U extends Unit>(units: readonly U[], shard: Shard): U[] {
  const canaries = new Set(canariesOf(units))
  return units.filter((unit) => canaries.has(unit) || isOwn(unit, shard))
}
