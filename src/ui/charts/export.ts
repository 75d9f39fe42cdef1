/** A chart as a file of its own, on white whatever the page is: styles that CSS gave are written into a copy, the title goes on top. */
const PROPERTIES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'letter-spacing',
  'paint-order',
] as const
const NAMESPACE = 'http://www.w3.org/2000/svg'
/** Above the chart beside its title, and of each line of that. */
const HEAD = 24
const LINE = 22
const PAD = 20

function inlineStyles(from: Element, to: Element): void {
  const style = getComputedStyle(from)
  for (const property of PROPERTIES) {
    const value = style.getPropertyValue(property)
    if (value) to.setAttribute(property, value)
  }
  to.removeAttribute('class')
  for (let index = 0; index < from.children.length; index += 1) {
    const child = from.children[index]
    const copy = to.children[index]
    if (child && copy) inlineStyles(child, copy)
  }
}

/** What the page shows in the light, on white: for `work`, beside the chart, where the same rules of CSS hold. */
function inTheLight<T>(chart: SVGSVGElement, work: (copy: SVGSVGElement, host: HTMLElement) => T): T {
  const host = document.createElement('div')
  const copy = chart.cloneNode(true) as SVGSVGElement
  host.style.cssText =
    'position:fixed;visibility:hidden;color-scheme:light;color:var(--ink);--paper:#ffffff;--surface:#ffffff'
  host.append(copy)
  chart.parentElement?.append(host)
  try {
    return work(copy, host)
  } finally {
    host.remove()
  }
}

/** Self-contained SVG text of a drawn chart, with padding, a white background and title. */
export function svgText(chart: SVGSVGElement, title: string): string {
  const { width, height, lines } = layout(chart, title)
  const body = chart.cloneNode(true) as SVGSVGElement
  const page = document.createElementNS(NAMESPACE, 'svg')
  const { color, fontFamily } = inTheLight(chart, (copy, host) => {
    inlineStyles(copy, body)
    const { color, fontFamily } = getComputedStyle(host)
    return { color, fontFamily }
  })
  body.setAttribute('x', String(PAD))
  body.setAttribute('y', String(HEAD + lines.length * LINE))
  page.setAttribute('xmlns', NAMESPACE)
  page.setAttribute('viewBox', `0 0 ${width} ${height}`)
  page.setAttribute('width', String(width))
  page.setAttribute('height', String(height))
  const background = document.createElementNS(NAMESPACE, 'rect')
  for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: '#ffffff' }))
    background.setAttribute(name, value)
  const heading = document.createElementNS(NAMESPACE, 'text')
  heading.append(
    ...lines.map((line, i) => {
      const span = document.createElementNS(NAMESPACE, 'tspan')
      span.textContent = line
      span.setAttribute('x', String(PAD))
      span.setAttribute('y', String(28 + i * LINE))
      return span
    }),
  )
  const attributes = {
    fill: color,
    'font-family': fontFamily,
    'font-size': '16',
    'font-weight': '600',
  }
  for (const [name, value] of Object.entries(attributes)) heading.setAttribute(name, value)
  page.append(background, heading, body)
  return new XMLSerializer().serializeToString(page)
}

/** The same at twice the size as a bitmap. */
export async function pngOf(chart: SVGSVGElement, title: string): Promise<Blob> {
  const { width, height } = layout(chart, title)
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(chart, title))}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = width * 2
  canvas.height = height * 2
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('The browser could not draw the picture.'))),
      'image/png',
    )
  })
}

/** Size of the file, and the title in lines that fit its width. */
function layout(chart: SVGSVGElement, title: string): { width: number; height: number; lines: string[] } {
  const box = chart.viewBox.baseVal
  const width = Math.round(box.width) + 2 * PAD
  const context = document.createElement('canvas').getContext('2d')
  if (context) context.font = `600 16px ${getComputedStyle(chart).fontFamily}`
  const lines: string[] = []
  for (const word of title.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word
    if (lines.length > 0 && (context?.measureText(longer).width ?? 0) <= width - 2 * PAD)
      lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return { width, height: Math.round(box.height) + HEAD + lines.length * LINE + PAD, lines }
}
