import type { IndexTracker } from 'wuchale'

interface Message {
  msgStr: string[]
}

export function wrap(code: string): { toString: () => string } | null
export function compileComponent(
  code: string,
  file: string,
  index: IndexTracker,
): Promise<{ messages: Message[]; output: (() => { code?: string; map?: unknown }) | null }>
