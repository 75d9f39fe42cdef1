/** Which view is open, from the address's fragment; whatever looks like a result link is one. */
import { looksLikeLink } from '../../evaluation/share/mangled'
import { readPairs } from './pairs'

export const VIEWS = ['run', 'report', 'gallery', 'compare', 'about', 'lesson', 'teach'] as const
export type ViewName = (typeof VIEWS)[number]

export interface Place {
  view: ViewName
  /** Element inside the view to bring into sight, such as a formula. */
  anchor: string | null
  /** The fragment of a result link, without `#` and without what follows it. */
  link: string | null
  /** What is open inside the view, as pairs of a query: a sample, filters, thresholds. */
  query: string
}

/** A whole link with pairs behind it, as this page writes them. */
const LINK_AND_QUERY = /^([vs]\d{1,3}\.[\w-]+\.[0-9a-f]{16})&(.*)$/is
/** Longest query that is read, in characters. */
const MAX_QUERY = 2_000

const viewNamed = (name: string | null | undefined): ViewName | null =>
  VIEWS.find((candidate) => candidate === name) ?? null

/**
 * `#about/formula-r` → About at that formula; `#v1.…` → a result link, shown as a report; `#gallery?flag=flagged` → the
 * gallery so filtered; `#sample=…` → that sample of the open run. Behind a link the pairs follow after `&`.
 */
export function parsePlace(fragment: string): Place {
  const text = fragment.replace(/^#/, '')
  // Damaged ones too: whoever follows one must never be shown something else instead.
  if (looksLikeLink(fragment)) {
    const [, link = text, query = ''] = LINK_AND_QUERY.exec(text) ?? []
    const view = viewNamed(readPairs(query.slice(0, MAX_QUERY)).get('view')) ?? 'report'
    return { view, anchor: null, link, query: query.slice(0, MAX_QUERY) }
  }
  if (text.startsWith('sample=')) return { view: 'run', anchor: null, link: null, query: text.slice(0, MAX_QUERY) }
  const [path = '', query = ''] = splitAt(text, '?')
  const [name, anchor] = path.split('/')
  return {
    view: viewNamed(name) ?? 'run',
    anchor: anchor ? anchor : null,
    link: null,
    query: query.slice(0, MAX_QUERY),
  }
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
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
