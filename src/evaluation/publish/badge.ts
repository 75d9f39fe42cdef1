/** An SVG badge for a README: "SPQR 0.74 (0.70–0.78)". It loads nothing and needs no font of its own. */
import type { Report, Score } from '../../core/contracts'

const SMALLEST = 0.005

function share(value: number): string {
  return value > 0 && value < SMALLEST ? '<0.01' : value.toFixed(2)
}

/** The words of the badge behind "SPQR". */
export function badgeValue(score: Score): string {
  return score.value === null ? 'no value' : `${share(score.value)} (${share(score.low)}–${share(score.high)})`
}

/** Widths of letters differ by font; textLength makes them fit whatever font is found. */
const LETTER = 6.6
const PAD = 7

export function badge({ scores }: Report): string {
  const value = badgeValue(scores.SPQR)
  const shown = value.replaceAll('<', '&lt;')
  const [left, right] = ['SPQR', value].map((text) => Math.round(text.length * LETTER))
  const [a, b] = [(left ?? 0) + 2 * PAD, (right ?? 0) + 2 * PAD]
  const text = (x: number, width: number, words: string) =>
    `<text x="${x}" y="14" textLength="${width}" lengthAdjust="spacingAndGlyphs">${words}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${a + b}" height="20" role="img" aria-label="SPQR ${shown}">
<title>SPQR ${shown}, 95 % interval in brackets</title>
<clipPath id="r"><rect width="${a + b}" height="20" rx="4"/></clipPath>
<g clip-path="url(#r)"><rect width="${a}" height="20" fill="#1c2125"/><rect x="${a}" width="${b}" height="20" fill="#005a8d"/></g>
<g fill="#fff" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">${text(PAD, left ?? 0, 'SPQR')}${text(a + PAD, right ?? 0, shown)}</g>
</svg>
`
}
