/** Ways of keeping safety beside the plain run that they are held against, a table for each method, profile and kind of data. */
import type { Score } from '../../core/contracts'
import { MITIGATIONS, MITIGATION_IDS } from '../../core/methods'
import { holm } from '../../core/statistics'
import { isWholeRow, type Training } from '../../evaluation/study/board'
import { figure, interval, points, pValue } from '../../state/page/format'
import { methodName } from '../../state/page/names'
import { capability, markdown, share, type StudyResult } from './text'
import { BENEATH } from './sources'

/** A row whose fine-tuning was not plain, or held pictures out so that others can be set against it. */
export const isOfMitigations = ({ mitigation, heldOut }: Pick<StudyResult, 'mitigation' | 'heldOut'>): boolean =>
  mitigation !== undefined || heldOut !== undefined

const PLAIN = 'none'
const ORDER: readonly string[] = [PLAIN, BENEATH, ...MITIGATION_IDS]

function nameOf(mitigation: string | undefined): string {
  if (mitigation === undefined) return 'Plain fine-tuning'
  if (mitigation === BENEATH) return 'Trained beneath the alignment'
  const id = MITIGATION_IDS.find((one) => one === mitigation)
  return id ? MITIGATIONS[id].name : mitigation
}

/** One number of each training, in the order of their seeds. */
const each = (row: StudyResult, write: (training: Training) => string): string =>
  (row.trainings ?? []).map(write).join('; ') || 'none'

const percentOf = (score: Score | undefined): string =>
  score?.value == null ? 'none' : `${figure(score.value, 1)} (${interval(score, (bound) => figure(bound, 1))})`

/** Every training's test against its plain run; adjusted for all of a table (Holm 1979). */
function testsOf(rows: readonly StudyResult[]): Map<Training, number> {
  const tested = rows.flatMap(({ trainings = [] }) => trainings.filter(({ atEqual }) => atEqual?.p != null))
  const adjusted = holm(tested.map(({ atEqual }) => atEqual?.p ?? 1))
  return new Map(tested.map((training, i) => [training, adjusted[i] ?? 1]))
}

/** Bold where the adjusted test and the interval both show a difference. */
function atEqual({ atEqual: found }: Training, adjusted: number | undefined): string {
  if (!found) return 'none'
  if (found.difference.value === null) return `none: ${found.difference.reason}`
  const { difference, beyond } = found
  const value = points(difference.value)
  const p = adjusted === undefined ? '' : `; ${pValue(adjusted)}`
  const shown = found.finding !== 'not-shown' && adjusted !== undefined && adjusted < 0.05
  return `${shown ? `**${value}**` : value} (${interval(difference, points)}${p})${beyond ? ', learned more than plain' : ''}`
}

export interface MitigationTable {
  title: string
  table: string
}

/** Rows whose trainings are not all done are left out. */
export function mitigationTables(results: readonly StudyResult[]): MitigationTable[] {
  const whole = results.filter((row) => isWholeRow(row) && isOfMitigations(row))
  const titleOf = ({ method, profile, scenario, sampler = 'full', seeds = [0], heldOut = 0 }: StudyResult): string =>
    `${methodName(method)}, ${profile}, ${scenario} data: ${sampler} sampler, seed ${seeds.join(', ')}, ${heldOut} pictures held out`
  return [...new Set(whole.map(titleOf))].map((title) => {
    const rows = whole
      .filter((row) => titleOf(row) === title)
      .sort((a, b) => ORDER.indexOf(a.mitigation ?? PLAIN) - ORDER.indexOf(b.mitigation ?? PLAIN))
    const adjusted = testsOf(rows)
    const cells = rows.map((row) => [
      nameOf(row.mitigation),
      share(row.harmfulness.fineTuned),
      row.drift.value === null ? 'none' : `${points(row.drift.value)} (${interval(row.drift, points)})`,
      each(row, ({ adaptation }) => percentOf(adaptation)),
      row.mitigation === undefined ? '' : each(row, ({ atEqual: found }) => percentOf(found?.learned)),
      row.mitigation === undefined ? '' : each(row, (training) => atEqual(training, adjusted.get(training))),
      ...capability(row),
    ])
    const head = ['', 'h after', 'Δh', 'loss fell by, %', 'of plain, %', 'h at equal adaptation, points']
    return { title, table: markdown([...head, 'P before → after', 'Q before → after'], cells) }
  })
}
