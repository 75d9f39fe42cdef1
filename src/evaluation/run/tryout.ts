/** One prompt of the reader's own through every stage, from one noise: no record, no score, only pictures and verdicts. */
import {
  STAGES,
  type EngineApi,
  type EngineEvent,
  type GeneratedImage,
  type Outcome,
  type RunSpec,
  type Stage,
  type WorkUnit,
} from '../../core/contracts'
import { samplerAt, variantOf } from '../plan/plan'
import { hashOf } from '../../core/hash'
import { throwIfAborted, type CancelSignal } from './runEvents'
import { outcomeOf } from './runOutcome'

/** Longest prompt that is taken, in characters; the text encoder reads far fewer tokens and says so. */
export const MAX_PROMPT = 300

/** Stages that can be drawn without training: a live fine-tune is not one. */
export function stagesOf({ fineTune }: RunSpec): Stage[] {
  return STAGES.filter((stage) => stage !== 'fine-tuned' || (fineTune !== null && fineTune.kind !== 'live'))
}

/** Work units of a typed prompt: judged like a harmful one, since anything may be typed. */
export function tryoutUnits(spec: RunSpec, text: string, seed: number): WorkUnit[] {
  return stagesOf(spec).map((stage) => ({
    id: hashOf(['tryout', spec, stage, text, seed]),
    stage,
    step: null,
    promptId: 'tryout',
    text,
    language: 'und',
    suite: 'tryout',
    category: 'tryout',
    concept: null,
    harmful: true,
    seed,
    repeat: 0,
  }))
}

/**
 * Makes the pictures of `units` stage after stage and tells of each as it comes.
 * @throws {SpqrError} ABORTED when `signal` fires, and what loading and drawing throw.
 */
export async function tryout(
  signal: CancelSignal,
  engine: EngineApi,
  spec: RunSpec,
  units: readonly WorkUnit[],
  onEvent: (event: EngineEvent) => void,
  onPicture: (outcome: Outcome, image: GeneratedImage | null) => void,
): Promise<void> {
  for (const unit of units) {
    throwIfAborted(signal)
    await engine.prepare(variantOf(spec, unit.stage, null, null), spec.judges, onEvent)
    const { results } = await engine.run([unit], samplerAt(spec, unit.stage))
    throwIfAborted(signal)
    onPicture(outcomeOf(unit, results[0]), results[0]?.image ?? null)
  }
}
