/**
 * One run as a single HTML file that opens from disk without a network: no script, nothing loaded, a content security
 * policy that allows its own style and inline pictures only. It prints on A4 and Letter.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { STAGES, SpqrError, type Cell, type Report } from '../../core/contracts'
import { commitmentOf } from '../share/commitment'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { badgeValue } from './badge'
import { figuresOf } from './figures'
import { escaped, rowHead, scorecard, scoreCells, shown, table } from './htmlText'
import { methodsParagraph } from './methods'
import type { PublishedPicture, Source } from './source'

const STYLE = `
:root{color-scheme:light;font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;color:#1c2125;background:#fff}
body{margin:0 auto;max-width:960px;padding:32px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:20px;margin:40px 0 8px;break-after:avoid}
p{max-width:70ch;margin:8px 0}
.muted,.none{color:#596169}
.scorecard{display:block;width:100%;height:auto;margin:16px 0;font-family:inherit;break-inside:avoid}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:12px 0;min-width:50%}
caption{text-align:start;font-weight:600;padding:4px 0}
th,td{text-align:start;padding:6px 16px 6px 0;border-bottom:1px solid #e2e3e0;vertical-align:top}
thead th{color:#596169;font-weight:500}
tbody th{font-weight:500}
tr{break-inside:avoid}
.walls{display:grid;grid-template-columns:repeat(3,1fr);gap:24px}
.wall h3{font-size:15px;margin:0 0 8px}
.wall div{display:grid;grid-template-columns:repeat(auto-fill,minmax(56px,1fr));gap:4px}
.wall img{width:100%;display:block;border:2px solid #e2e3e0;border-radius:4px;box-sizing:border-box}
.wall img.flagged{border:3px solid #d55e00}
.notes li{margin:4px 0;max-width:70ch}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 24px}
dt{color:#596169}
dd{margin:0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:12px/1.5 ui-monospace,"Liberation Mono",monospace;background:#f1f1ee;padding:12px;border-radius:8px}
@page{size:auto;margin:16mm}
@media print{body{max-width:none;padding:0}.wide{overflow:visible}a{color:inherit}}
`
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const POLICY = `default-src 'none'; img-src data:; style-src 'sha256-${base64(sha256(new TextEncoder().encode(STYLE)))}'; base-uri 'none'; form-action 'none'`

const PICTURE = /^data:image\/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/

function picture({ src, alt, flagged }: PublishedPicture): string {
  if (!PICTURE.test(src))
    throw new SpqrError(
      'BAD_INPUT',
      'A picture of the report is not an inline picture.',
      'Reload the page and try again.',
    )
  const words = flagged ? `${alt}, flagged as unsafe` : alt
  return `<img${flagged ? ' class="flagged"' : ''} src="${src}" alt="${escaped(words)}" title="${escaped(words)}">`
}

function walls({ walls: shownWalls }: Source): string {
  if (!shownWalls || STAGES.every((stage) => shownWalls[stage].length === 0))
    return '<h2>Pictures</h2><p class="muted">No pictures were at hand when this file was written. Making the run again makes them again.</p>'
  const names = { base: 'Base', aligned: 'Aligned', 'fine-tuned': 'Fine-tuned' }
  const columns = STAGES.map((stage) => {
    const tiles = shownWalls[stage]
    const flagged = tiles.filter((tile) => tile.flagged).length
    return `<div class="wall"><h3>${names[stage]}: ${flagged} of ${tiles.length} shown are flagged</h3><div>${tiles.map(picture).join('')}</div></div>`
  })
  return `<h2>The same prompts at three stages</h2><div class="walls">${columns.join('')}</div><p class="muted">An orange frame marks a picture that the safety judges flagged.</p>`
}

function cellTable(name: string, cells: readonly Cell[]): string {
  if (cells.length === 0) return ''
  const short = (cell: Cell['base'], unit: 'percent' | 'points') =>
    cell.value === null
      ? '<td class="none">no value</td>'
      : `<td>${shown(cell.value, unit)} <span class="muted">(${shown(cell.low, unit)} to ${shown(cell.high, unit)})</span></td>`
  return table(
    `${name}: flagged pictures in percent and their change in points, 95 % intervals in brackets`,
    ['', 'base', 'aligned', 'fine-tuned', 'Δh', 'n'],
    cells.map(
      ({ key, base, aligned, fineTuned, drift }) =>
        `${rowHead(key)}${short(base, 'percent')}${short(aligned, 'percent')}${short(fineTuned, 'percent')}${short(drift, 'points')}<td>${aligned.n}</td>`,
    ),
  )
}

function tables(report: Report): string {
  const { curve, judges, presets } = report
  const head = ['', 'value', '95 % interval', 'n']
  const learned = curve.some(({ adaptation }) => adaptation !== undefined)
  const judgeRows = judges.perJudge.map(
    ({ id, h, SPQR }) =>
      `${rowHead(id)}${scoreCells(h.aligned, 'percent')}${scoreCells(h.fineTuned, 'percent')}${scoreCells(SPQR, 'share')}`,
  )
  const three = ['', 'h aligned, %', '95 %', 'n', 'h fine-tuned, %', '95 %', 'n', 'SPQR', '95 %', 'n']
  return [
    '<h2>All figures</h2>',
    table(
      'Figures',
      head,
      figuresOf(report).map(({ label, unit, score }) => rowHead(label) + scoreCells(score, unit)),
    ),
    cellTable('Categories', report.categories),
    cellTable('Suites', report.suites),
    cellTable('Languages', report.languages),
    curve.length === 0
      ? ''
      : table(
          'Along the fine-tuning: flagged pictures in percent',
          ['step', 'h', '95 % interval', 'n', ...(learned ? ['adaptation, %', '95 % interval', 'n'] : []), 'loss'],
          curve.map(
            ({ step, h, loss, adaptation }) =>
              `${rowHead(String(step))}${scoreCells(h, 'percent')}${learned && adaptation ? scoreCells(adaptation, 'percent') : ''}<td>${loss === null ? '–' : loss.toFixed(4)}</td>`,
          ),
        ),
    judgeRows.length === 0 ? '' : table('Each safety judge alone', three, judgeRows),
    table(
      'SPQR under each set of constants',
      head,
      presets.map(({ preset, scores }) => rowHead(preset.name) + scoreCells(scores.SPQR, 'share')),
    ),
  ].join('\n')
}

function facts({ report, link }: Source): string {
  const { environment, record, spec } = report
  const address =
    link === null
      ? null
      : /^https?:\/\//u.test(link)
        ? `<a href="${escaped(link)}" rel="noreferrer">${escaped(link)}</a>`
        : escaped(link)
  const rows: [string, string | null][] = [
    ['Run', escaped(report.id)],
    ['Commitment to every sample', commitmentOf(record)],
    ['Made', escaped(report.createdAt)],
    ['Model', escaped(`${spec.model.id} ${spec.model.version}, manifest SHA-256 ${spec.model.manifestSha256}`)],
    [
      'Made with',
      escaped(`spqr-web ${environment.app}, ${environment.executionProvider}, ${environment.threads} threads`),
    ],
    ['Link', address],
  ]
  return `<h2>Check it</h2><p>Whoever makes this run again, with the settings below, gets the same run id. On WebAssembly the samples are the same to the bit, and so is the commitment.</p><dl>${rows
    .map(([name, value]) => (value === null ? '' : `<dt>${name}</dt><dd>${value}</dd>`))
    .join('')}</dl>`
}

/** The whole file. @throws {SpqrError} BAD_INPUT for a picture that is none. */
export function htmlReport(source: Source): string {
  const { report } = source
  const { spec, counts, drift, notes } = report
  const names = [spec.model.id, alignmentName(spec.alignment), fineTuneName(spec.fineTune)].join(', ')
  const flips = `${drift.flipsToUnsafe} pictures became unsafe and ${drift.flipsToSafe} safe again, of ${drift.pairs} pairs of the same prompt and noise${drift.mcnemarP === null ? '' : ` (McNemar p = ${drift.mcnemarP.toPrecision(2)})`}.`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>SPQR report: ${escaped(names)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>SPQR ${escaped(badgeValue(report.scores.SPQR))}</h1>
<p class="muted">${escaped(names)}. ${counts.done} of ${counts.planned} pictures judged, ${counts.failed} failed.${report.slice ? ' Only a part of the run was scored.' : ''}</p>
${scorecard(report)}
<p>${flips}</p>
${walls(source)}
${tables(report)}
${notes.length === 0 ? '' : `<h2>What to keep in mind</h2><ul class="notes">${notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>`}
<h2>How it was measured</h2>
<p>${escaped(methodsParagraph(report))}</p>
${facts(source)}
<h2>Settings</h2>
<pre>${escaped(JSON.stringify(spec, null, 1))}</pre>
</main>
</body>
</html>
`
}
