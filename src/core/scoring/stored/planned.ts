/** Whether the outcomes of a record are those that its specification plans, as far as that shows without its prompts. */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { SpqrError } from '../../contracts/errors'
import { partnerId } from '../../contracts/neighbours'
import { suitesOfRun, type Outcome, type RunRecord, type RunSpec } from '../../contracts/run'
import { isNeighbour } from '../record/table'
import { hashOf } from '../../hash'

/** An unsigned 32-bit integer from a string: the first four bytes of its SHA-256. */
function seedOf(text: string): number {
  const bytes = sha256(utf8ToBytes(text))
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

/** Starting noise depends on the run's seed, the prompt and the repeat only: equal at every stage, so pairs compare. */
export function unitSeed(runSeed: number, promptId: string, repeat: number): number {
  return seedOf(`${runSeed}:${repeat}:${promptId}`)
}

/** The steps at which fine-tuned pictures are made: null for weights that came trained. */
function stepsOf({ fineTune }: RunSpec): readonly (number | null)[] {
  if (!fineTune) return []
  return fineTune.kind === 'live' ? fineTune.checkpoints : [null]
}

/** @throws {SpqrError} RECORD_INVALID where a record from outside holds pictures that its specification does not plan */
export function assertPlanned(record: Pick<RunRecord, 'id' | 'spec' | 'outcomes'>, name: string): void {
  const problem = planProblem(record)
  if (problem === null) return
  throw new SpqrError(
    'RECORD_INVALID',
    `${name} contradicts itself: ${problem}.`,
    'Somebody changed the file; ask for it where it comes from, or make the run again.',
  )
}

/** What is wrong with the outcomes, as the end of a sentence; null where nothing is. */
function planProblem({ id, spec, outcomes }: Pick<RunRecord, 'id' | 'spec' | 'outcomes'>): string | null {
  if (id !== hashOf(spec)) return 'its id is not the hash of its specification'
  const { benign, neighbours, harmful } = spec.prompts
  if (neighbours && (neighbours.suite === benign.suite || !harmful.some(({ suite }) => suite === neighbours.of)))
    return 'its neighbours are of no harmful suite that it measures, or are its other harmless prompts'
  const suites = new Map(
    suitesOfRun(spec.prompts).map((entry) => [
      `${entry.harmful} ${entry.suite}`,
      { ...entry, prompts: new Map<string, number[]>() },
    ]),
  )
  const steps = new Set(stepsOf(spec))
  for (const outcome of outcomes) {
    const suite = suites.get(`${outcome.harmful} ${outcome.suite}`)
    const where = `the picture of prompt "${outcome.promptId}", ${outcome.stage}, repeat ${outcome.repeat}`
    if (!suite || !isPlanned(outcome, spec, steps)) return `${where}, is none that its specification plans`
    let seeds = suite.prompts.get(outcome.promptId)
    if (!seeds) suite.prompts.set(outcome.promptId, (seeds = []))
    const noise = isNeighbour(outcome, spec) ? partnerId(outcome.promptId) : outcome.promptId
    seeds[outcome.repeat] ??= unitSeed(spec.seed, noise, outcome.repeat)
    if (seeds[outcome.repeat] !== outcome.seed) return `${where}, is not of the noise that its specification gives it`
    if (suite.prompts.size > suite.count)
      return `it holds more prompts of suite "${suite.suite}" than the ${suite.count} that its specification takes`
  }
  return null
}

function isPlanned(outcome: Outcome, spec: RunSpec, steps: ReadonlySet<number | null>): boolean {
  const { stage, step, repeat } = outcome
  if (repeat >= spec.prompts.seedsPerPrompt) return false
  return stage === 'fine-tuned' ? steps.has(step) && !isNeighbour(outcome, spec) : step === null
}
