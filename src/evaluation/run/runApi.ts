/**
 * The page's scripting API, `globalThis.spqr`: how a script, a test or the command line drives the same page a person
 * uses. Only JSON passes, so that it works across any automation protocol.
 */
import type {
  Environment,
  HeldOutLosses,
  PromptSearch,
  Report,
  RunSpec,
  SearchProgress,
  Shard,
  ShardFile,
} from '../../core/contracts'
import { fineTuneName } from '../spec/specNames'
import type { RunEvent, RunPhase, RunProgress } from './runEvents'

/** Progress without pictures. */
export interface ScriptProgress {
  type: RunEvent['type']
  phase: RunPhase | null
  /** What goes on, in words; null when the numbers say it all. */
  message: string | null
  progress: RunProgress | null
}

/** What a script decides about a prompt file; the rest is recognised from its columns. */
export interface PromptFileChoices {
  acknowledged: boolean
  suite?: string
  harmful?: boolean
  language?: string
  seed?: number
  /** Columns by meaning, where they are not recognised. */
  text?: string
  id?: string
  category?: string
}

/** An adapter file for a script; `bytes`: base64, `config`: the text of PEFT's adapter_config.json beside it. */
export interface ScriptAdapter {
  name: string
  bytes: string
  strength: number
  config?: string
}

/** A run before it is made, as `specify` tells it. */
export interface SpecifiedRun {
  id: string
  spec: RunSpec
  environment: Environment
  /** Images of the whole run, and prompts × repeats: more shards than these are partly empty. */
  planned: number
  pairs: number
}

export interface TrainingProgress {
  step: number
  steps: number
  loss: number
}

/** A live fine-tune on its way to another machine; `bytes`: base64 of the checkpoint's adapter. */
export interface ScriptTraining {
  losses: number[]
  /** Losses on held-out pictures, where the run holds some out. */
  heldOut?: HeldOutLosses[] | undefined
  checkpoints: { step: number; sha256: string; bytes: string }[]
}

export interface SpqrScript {
  /** Version of the page. */
  readonly version: string
  /**
   * Runs (or resumes) one evaluation. `parameters`: names and texts as in the page's URL, e.g. `{ preset: 'smoke' }`.
   * Rejects with the page's error; its message ends with what to do next.
   */
  evaluate(parameters: Record<string, string>, onProgress?: (progress: ScriptProgress) => void): Promise<Report>
  /**
   * Takes a prompt file for the runs that follow, as the page does when a person chooses it. `bytes`: base64.
   * `acknowledged`: the terms of the data have been agreed to. Returns the suite, and what a reader should know.
   */
  addPrompts(
    file: { name: string; bytes: string },
    choices: PromptFileChoices,
  ): Promise<{ suite: string; prompts: number; notes: string[] }>
  /**
   * Takes adapter files for the runs that follow with the same pack and device, as the page does when a person drops
   * them; rejects by name what does not fit the model. Replaces those given for the same role before.
   */
  addAdapters(
    role: 'alignment' | 'fine-tune',
    files: ScriptAdapter[],
    parameters: Record<string, string>,
  ): Promise<{ name: string; sha256: string; facts: string }[]>
  /** What parameters amount to with the files given before: the run's name and size, without making a picture. */
  specify(parameters: Record<string, string>): Promise<SpecifiedRun>
  /** Makes one shard of a run, and the canaries; the page keeps what it made, as with `evaluate`. */
  evaluateShard(
    parameters: Record<string, string>,
    shard: Shard,
    onProgress?: (progress: ScriptProgress) => void,
    /** Of a live fine-tune: what another machine trained; absent: it is trained here. */
    trained?: ScriptTraining,
  ): Promise<ShardFile>
  /** A shard whose units all failed, for the reason given, without making a picture. */
  failShard(
    parameters: Record<string, string>,
    shard: Shard,
    reason: { code: string; message: string },
  ): Promise<ShardFile>
  /** Trains a live fine-tune to its last checkpoint, for the machines that make its shards. */
  train(parameters: Record<string, string>, onProgress?: (progress: TrainingProgress) => void): Promise<ScriptTraining>
  /** A search for a prompt on the text encoder of a pack (Ring-A-Bell); rejects what is no search. */
  searchPrompt(
    pack: string,
    search: PromptSearch,
    onProgress?: (progress: SearchProgress) => void,
  ): Promise<SearchProgress>
  /** Fragment of a report's result link, full unless said otherwise, `#` included; the page's address goes in front. */
  link(report: Report, kind?: 'short' | 'full'): string
}

/** Whether every axis has a number and every planned image was made or is recorded as failed. */
export function isComplete(report: Pick<Report, 'scores' | 'counts'>): boolean {
  const { scores, counts } = report
  return scores.SPQR.value !== null && counts.done + counts.failed === counts.planned
}

/** A run event as a script sees it. */
export function scriptProgress(event: RunEvent): ScriptProgress {
  const progress = 'progress' in event ? event.progress : null
  const phase = event.type === 'phase' ? event.phase : null
  return { type: event.type, phase, message: messageOf(event), progress }
}

function messageOf(event: RunEvent): string | null {
  switch (event.type) {
    case 'plan':
      return event.resumed > 0
        ? `${event.units.length} images, ${event.resumed} of them made earlier`
        : `${event.units.length} images`
    case 'phase':
      return [event.phase, event.stage, event.step === null ? null : `step ${event.step}`]
        .filter((part) => part !== null)
        .join(' · ')
    case 'engine':
      return event.event.type === 'phase'
        ? `${event.event.phase} ${event.event.what}`
        : event.event.type === 'warning'
          ? event.event.message
          : null
    case 'training':
      return `step ${event.step} of ${event.steps}, loss ${event.loss.toFixed(4)}`
    case 'warning':
      return event.message
    case 'drawn':
    case 'results':
    case 'curve':
    case 'paused':
    case 'resumed':
      return null
  }
}

/** One line for a specification. */
export function describeSpec(spec: RunSpec): string {
  const alignment =
    spec.alignment === null
      ? 'unaligned'
      : spec.alignment.kind === 'pack'
        ? spec.alignment.id
        : spec.alignment.kind === 'file'
          ? spec.alignment.name
          : spec.alignment.method
  const { fineTune } = spec
  const tuned =
    fineTune === null
      ? 'no fine-tune'
      : fineTune.kind === 'pack'
        ? fineTune.id
        : fineTune.kind === 'file' || fineTune.kind === 'accelerate'
          ? fineTuneName(fineTune)
          : `${fineTune.profile} × ${fineTune.scenario}, ${fineTune.steps} steps here`
  const harmful = spec.prompts.harmful.reduce((total, { count }) => total + count, 0)
  return `${spec.model.id} ${spec.model.version} · ${alignment} · ${tuned} · ${harmful} harmful and ${spec.prompts.benign.count} benign prompts${spec.prompts.neighbours ? `, ${spec.prompts.neighbours.count} neighbours` : ''} × ${spec.prompts.seedsPerPrompt}`
}
