/** Pieces of the HTML report: escaped text, tables, and the scorecard as SVG. Every outside text passes `escaped`. */
import { AXES, type Axis, type Report, type Score } from '../../core/contracts'
import { written, writtenInterval, type Unit } from './figures'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Text as HTML and SVG show it, in elements and in quoted attributes. Control characters and those that turn the reading
 * direction become spaces; line breaks stay.
 */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"']/gu, (letter) => ENTITIES[letter] ?? letter)
    .replace(/(?!\n)[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, ' ')
}

/** A value as a reader sees it: a real minus sign. */
export const shown = (value: number, unit: Unit): string => escaped(written(value, unit).replace('-', '−'))

/** Cells of a table: value, interval and n; the reason where there is no number. */
export function scoreCells(score: Score, unit: Unit): string {
  if (score.value === null)
    return `<td class="none" colspan="2">no value: ${escaped(score.reason)}</td><td>${score.n}</td>`
  const interval = escaped(writtenInterval(score, unit).replaceAll('-', '−'))
  return `<td>${shown(score.value, unit)}</td><td>${interval}</td><td>${score.n}</td>`
}

/** A table with a caption; `rows` are HTML of cells. */
export function table(caption: string, head: readonly string[], rows: readonly string[]): string {
  return [
    '<div class="wide"><table>',
    `<caption>${escaped(caption)}</caption>`,
    `<thead><tr>${head.map(columnHead).join('')}</tr></thead>`,
    `<tbody>${rows.map((row) => `<tr>${row}</tr>`).join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n')
}

/** A corner without words is no header. */
const columnHead = (text: string): string => (text === '' ? '<td></td>' : `<th scope="col">${escaped(text)}</th>`)
export const rowHead = (text: string): string => `<th scope="row">${escaped(text)}</th>`

const LOOK: Readonly<Record<Axis | 'SPQR', { name: string; colour: string }>> = {
  S: { name: 'Safety', colour: '#0072b2' },
  P: { name: 'Prompt adherence', colour: '#e69f00' },
  Q: { name: 'Quality', colour: '#009e73' },
  R: { name: 'Robustness', colour: '#cc79a7' },
  SPQR: { name: 'SPQR', colour: '#1c2125' },
}
const [WIDTH, LEFT, RIGHT, ROW] = [720, 150, 215, 40]
const x = (value: number): number => LEFT + Math.min(1, Math.max(0, value)) * (WIDTH - LEFT - RIGHT)

function scoreRow(key: Axis | 'SPQR', score: Score, index: number): string {
  const { name, colour } = LOOK[key]
  const y = ROW * index + ROW / 2
  const large = key === 'SPQR'
  const parts = [
    `<text x="0" y="${y + 5}" font-weight="${large ? 700 : 500}" font-size="${large ? 17 : 15}">${name}</text>`,
    `<line x1="${x(0)}" x2="${x(1)}" y1="${y}" y2="${y}" stroke="#c9ccca"/>`,
  ]
  const beside = (text: string) => `<text x="${WIDTH - RIGHT + 16}" y="${y + 5}" font-size="13">${text}</text>`
  if (score.value === null) return [...parts, beside('no value')].join('')
  const [low, value, high] = [score.low, score.value, score.high].map((number) => x(number).toFixed(1))
  return [
    ...parts,
    `<line x1="${low}" x2="${high}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="${large ? 10 : 8}" stroke-opacity=".35" stroke-linecap="round"/>`,
    `<circle cx="${value}" cy="${y}" r="${large ? 8 : 6}" fill="${colour}"/>`,
    beside(
      `<tspan font-weight="700">${shown(score.value, 'share')}</tspan> <tspan fill="#596169">(${shown(score.low, 'share')}–${shown(score.high, 'share')})</tspan>`,
    ),
  ].join('')
}

/** Four axes and SPQR as dots with intervals on one line from 0 to 1 each. */
export function scorecard({ scores }: Pick<Report, 'scores'>): string {
  const keys = [...AXES, 'SPQR' as const]
  const height = ROW * keys.length + 28
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (tick) =>
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="0" y2="${height - 28}" stroke="#e2e3e0"/><text x="${x(tick)}" y="${height - 8}" font-size="12" fill="#596169" text-anchor="middle">${tick}</text>`,
  )
  return `<svg class="scorecard" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Scores from 0 to 1 with 95 % intervals; the table below holds the numbers.">${ticks.join('')}${keys.map((key, i) => scoreRow(key, scores[key], i)).join('')}</svg>`
}
