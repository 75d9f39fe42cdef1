/** A Report as an entry of the shelf: its key, its default name, and the figures that are listed. */
import { SHELF_LIMITS, type Report, type Score, type ShelfEntry, type ShelfLabel } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { alignmentName, fineTuneName } from '../spec/specNames'

const estimateOf = (score: Score): ShelfEntry['scores']['S'] =>
  score.value === null ? null : { value: score.value, low: score.low, high: score.high, n: score.n }

/** Digits by which the figures of two runs are told apart: less than machines differ by in computing them. */
const DIGITS = 6

/**
 * 128 bits of what tells a run from every other: its specification, when it was made, what came of it. The same run as a
 * file or a link that says the same is the same run.
 */
function keyOf({ id, createdAt, counts, scores }: Report): string {
  const figures = Object.values(scores).map(({ value }) => (value === null ? null : Number(value.toFixed(DIGITS))))
  return hashOf([id, createdAt, counts.done, counts.failed, figures]).slice(0, 32)
}

/** "ESD-x, then lite profile, general data": what a run is, from its specification. */
export function defaultName({ spec }: Report): string {
  const tuned = spec.fineTune ? `, then ${fineTuneName(spec.fineTune)}` : ''
  const name = `${alignmentName(spec.alignment)}${tuned}${spec.sampler.accelerator === undefined ? '' : ' (fast sampler)'}`
  return name.charAt(0).toUpperCase() + name.slice(1, SHELF_LIMITS.name)
}

/** The time, as entries carry it. */
export const now = (): string => new Date().toISOString()

const line = (text: string): string => text.replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ').trim()

/** What a person wrote, within the limits: spaces trimmed, tags once each. An empty name becomes `fallback`. */
export function cleanLabel({ name, note, tags }: ShelfLabel, fallback: string): ShelfLabel {
  const clean = [...new Set(tags.map((tag) => line(tag).slice(0, SHELF_LIMITS.tag)))].filter((tag) => tag !== '')
  return {
    name: line(name).slice(0, SHELF_LIMITS.name) || fallback,
    note: note.trim().slice(0, SHELF_LIMITS.note),
    tags: clean.slice(0, SHELF_LIMITS.tags),
  }
}

export function entryOf(
  report: Report,
  kind: ShelfEntry['kind'],
  addedAt: string,
  label: ShelfLabel = { name: '', note: '', tags: [] },
): ShelfEntry {
  const { spec, counts, scores, drift } = report
  return {
    schema: 1,
    key: keyOf(report),
    ...cleanLabel(label, defaultName(report)),
    kind,
    run: report.id,
    createdAt: report.createdAt,
    addedAt,
    removedAt: null,
    facts: {
      model: `${spec.model.id} ${spec.model.version}`,
      alignment: alignmentName(spec.alignment).slice(0, 1000),
      fineTune: fineTuneName(spec.fineTune).slice(0, 1000),
      sampler: spec.sampler.accelerator === undefined ? 'full' : 'fast',
      done: counts.done,
      failed: counts.failed,
      planned: counts.planned,
    },
    scores: {
      S: estimateOf(scores.S),
      P: estimateOf(scores.P),
      Q: estimateOf(scores.Q),
      R: estimateOf(scores.R),
      SPQR: estimateOf(scores.SPQR),
      drift: estimateOf(drift),
    },
  }
}
