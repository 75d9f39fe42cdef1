/** The names of runs and units are hashes of what they are. */
import { isBeside, type PackManifest, type RunSpec } from '../../core/contracts'
import { hashOf } from '../../core/hash'

/** The name of a run: two runs of one specification share it. */
export function runId(spec: RunSpec): string {
  return hashOf(spec)
}

/**
 * What every number of a study rests on: generator, judges, prompts and training data; adapters may come and go, and so may
 * newer wordings, found prompts and harmless neighbours, which no preset takes.
 */
export function packHash({ model, judges, prompts, training }: PackManifest): string {
  return hashOf([model, judges, prompts.filter((entry) => !isBeside(entry)), training])
}
