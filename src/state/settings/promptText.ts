/** Lookups that no view changes: prompts by suite and id, and the time as it is stored. */
import type { Prompt } from '../../core/contracts'

export const promptKey = ({ suite, promptId }: { suite: string; promptId: string }): string => `${suite}\n${promptId}`

export function textsBySuite(prompts: readonly Prompt[]): ReadonlyMap<string, string> {
  return new Map(prompts.map(({ suite, id, text }) => [promptKey({ suite, promptId: id }), text]))
}

/** ISO 8601. */
export const now = (): string => new Date().toISOString()
