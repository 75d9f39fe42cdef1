/** Which view is open, from the address's fragment; whatever looks like a result link is one. */
import { looksLikeLink } from '../../evaluation/share/mangled'

export const VIEWS = ['run', 'report', 'gallery', 'compare', 'about'] as const
export type ViewName = (typeof VIEWS)[number]

export interface Place {
  view: ViewName
  /** Element inside the view to bring into sight, such as a formula. */
  anchor: string | null
  /** The fragment of a result link, without `#`. */
  link: string | null
}

/** `#about/formula-r` → About at that formula; `#v1.…` → a result link, shown as a report. */
export function parsePlace(fragment: string): Place {
  const text = fragment.replace(/^#/, '')
  // Damaged ones too: whoever follows one must never be shown something else instead.
  if (looksLikeLink(fragment)) return { view: 'report', anchor: null, link: text }
  const [name, anchor] = text.split('/')
  const view = VIEWS.find((candidate) => candidate === name) ?? 'run'
  return { view, anchor: anchor ? anchor : null, link: null }
}

export class Route {
  #place = $state.raw<Place>(parsePlace(''))

  constructor(fragment: string) {
    this.#place = parsePlace(fragment)
  }

  get view(): ViewName {
    return this.#place.view
  }

  get place(): Place {
    return this.#place
  }

  /** Called when the address changed. */
  follow(fragment: string): void {
    this.#place = parsePlace(fragment)
  }
}
