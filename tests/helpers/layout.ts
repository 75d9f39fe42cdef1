/**
 * What is wrong with the layout of what is on the page now, one sentence each: what is too wide, cut off, or stands over
 * something else; on a screen also what is too small for a finger. Runs in the page, so everything it needs is in it.
 */
export function layoutFaults(medium: 'screen' | 'paper'): string[] {
  const found: string[] = []
  const root = document.documentElement
  const name = (element: Element): string =>
    `${element.tagName.toLowerCase()} “${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 30)}”`
  const shown = (element: Element): boolean =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    element.getBoundingClientRect().width > 2 &&
    !element.closest('.visually-hidden, [popover]:not(:popover-open)')
  const boxesOf = (selector: string) =>
    [...document.querySelectorAll(selector)]
      .filter(shown)
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
  type Placed = ReturnType<typeof boxesOf>[number]
  /** How far two boxes lie over each other, where neither is inside the other. */
  const overlap = (one: Placed, other: Placed): { across: number; down: number } | null =>
    one.element === other.element || one.element.contains(other.element) || other.element.contains(one.element)
      ? null
      : {
          across: Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left),
          down: Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top),
        }
  const wide = root.scrollWidth - root.clientWidth
  // A printed page may round a pixel up.
  if (wide > (medium === 'paper' ? 1 : 0)) found.push(`the page is ${wide} px too wide`)

  if (medium === 'paper') {
    const texts = boxesOf('h1, h2, h3, h4, main p, main td, main th, main dt, main dd').filter(
      ({ element }) => element.textContent?.trim() !== '',
    )
    for (const one of texts) {
      if (one.box.right > root.clientWidth + 1) found.push(`${name(one.element)} is cut at the right`)
      if (!/^H\d$/.test(one.element.tagName)) continue
      for (const other of texts) {
        const { across = 0, down = 0 } = overlap(one, other) ?? {}
        if (across > 2 && down > 4) found.push(`${name(one.element)} stands over ${name(other.element)}`)
      }
    }
    return found
  }

  for (const { element } of boxesOf('h1, h2, h3, p, button, a, label, li, legend, summary')) {
    const { display, overflowX } = getComputedStyle(element)
    if (display !== 'inline' && element.scrollWidth > element.clientWidth + 2 && overflowX !== 'visible')
      found.push(`${name(element)} is cut off`)
  }
  const pressed = boxesOf('button, select, textarea, summary, input[type=range], nav a, a.button')
    // On a projector the way on and back stays at the foot, and what is long goes by behind it.
    .filter(({ element }) => !element.closest('.wall, .term, p, .projector .turn'))
  for (const [i, one] of pressed.entries()) {
    const { element, box } = one
    // A slider's track is thin; its thumb and the keyboard move it.
    if (box.height < 24 && !element.matches('[type=range]')) found.push(`${name(element)} is ${box.height} px high`)
    for (const other of pressed.slice(i + 1)) {
      const { across = 0, down = 0 } = overlap(one, other) ?? {}
      if (across > 2 && down > 2) found.push(`${name(element)} and ${name(other.element)} cover each other`)
    }
  }
  return found
}
