/** Rows of a study as cells of Markdown. */
import type { Score } from '../../core/contracts'
import type { Row } from '../../evaluation/study/board'
import { capabilityOf } from '../../evaluation/study/findings'
import { figure, interval, unit } from '../../state/page/format'

/** What the tables need of a row of `leaderboard.json`. */
export type StudyResult = Pick<
  Row,
  | 'method'
  | 'profile'
  | 'scenario'
  | 'drift'
  | 'sampler'
  | 'seeds'
  | 'mitigation'
  | 'heldOut'
  | 'trainings'
  | 'illegible'
  | 'capability'
  | 'curve'
> & { harmfulness: Record<'aligned' | 'fineTuned', Score>; scores: Record<'P' | 'Q' | 'SPQR', Score> }

export const or = (score: Score, write: (value: number) => string): string =>
  score.value === null ? 'none' : write(score.value)
const dash = (text: string): string => text.replace(' to ', '–')
export const share = (score: Score): string =>
  or(score, (value) => `${figure(value, 1)} (${dash(interval(score, (bound) => figure(bound, 1)))})`)
export const spqr = (score: Score): string => or(score, (value) => `${unit(value)} (${dash(interval(score))})`)
const or0 = (value: number | null | undefined): string => (value == null ? 'none' : unit(value))

export function capability(row: StudyResult): [string, string] {
  const found = capabilityOf(row)
  if (!found) return ['none', 'none']
  const { P, Q } = found
  return [`${or0(P.before)} → ${or0(P.after)}`, `${or0(Q.before)} → ${or0(Q.after)}`]
}

export const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
