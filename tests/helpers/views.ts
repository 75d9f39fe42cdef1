/** Something of each view that stands there once the recorded run and the pack's figures are read. */
export const CONTENT = {
  run: '.stage canvas',
  report: '[aria-label="Threshold"] svg.chart path.line',
  gallery: '.gallery-row canvas',
  compare: '[aria-label="Reports"] td',
  about: '.study svg.chart',
} as const
