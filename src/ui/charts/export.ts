/** A chart as a file of its own: styles that CSS gave are written into the copy, the title goes on top. */
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
const HEAD = 44
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

/** Self-contained SVG text of a drawn chart, with padding, background and title. */
export function svgText(chart: SVGSVGElement, title: string): string {
  const { width, height } = sizeOf(chart)
  const body = chart.cloneNode(true) as SVGSVGElement
  inlineStyles(chart, body)
  body.setAttribute('x', String(PAD))
  body.setAttribute('y', String(HEAD))
  const page = document.createElementNS(NAMESPACE, 'svg')
  page.setAttribute('xmlns', NAMESPACE)
  page.setAttribute('viewBox', `0 0 ${width} ${height}`)
  page.setAttribute('width', String(width))
  page.setAttribute('height', String(height))
  const style = getComputedStyle(document.body)
  const background = document.createElementNS(NAMESPACE, 'rect')
  background.setAttribute('width', '100%')
  background.setAttribute('height', '100%')
  background.setAttribute('fill', style.backgroundColor)
  const heading = document.createElementNS(NAMESPACE, 'text')
  heading.textContent = title
  const attributes = {
    x: String(PAD),
    y: '28',
    fill: style.color,
    'font-family': style.fontFamily,
    'font-size': '16',
    'font-weight': '600',
  }
  for (const [name, value] of Object.entries(attributes)) heading.setAttribute(name, value)
  page.append(background, heading, body)
  return new XMLSerializer().serializeToString(page)
}

/** The same at twice the size as a bitmap. */
export async function pngOf(chart: SVGSVGElement, title: string): Promise<Blob> {
  const { width, height } = sizeOf(chart)
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

function sizeOf(chart: SVGSVGElement): { width: number; height: number } {
  const box = chart.viewBox.baseVal
  return { width: Math.round(box.width) + 2 * PAD, height: Math.round(box.height) + HEAD + PAD }
}
