/** The settings of the next run in the address, as they change: only what differs from the defaults. */
import { PARAMETERS } from '../../evaluation/spec/params'
import type { Settings } from '../settings/settings.svelte'

/** What a notice about the settings of an address is about. */
export const SET_UP = 'the set-up of the address'

const nameOf = (pair: string): string => pair.split('=', 1)[0] ?? ''
const pairsOf = (search: string): string[] =>
  search
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => pair !== '')
const isSetting = (pair: string): boolean => Object.hasOwn(PARAMETERS, nameOf(pair))
/** These may stand in a query as they are, and read better so. */
const readable = (query: string): string =>
  query.replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%40', '@')

/** The query of an address with other settings: what is no setting, such as the language, stays. */
export function searchWith(search: string, query: string): string {
  const pairs = [...pairsOf(search).filter((pair) => !isSetting(pair)), ...pairsOf(readable(query))]
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

export class SetUp {
  readonly #settings: Pick<Settings, 'query' | 'readQuery'>
  /** The query of the address as it was read or written last, and what it says. */
  #search: string
  #query: string

  constructor(settings: Pick<Settings, 'query' | 'readQuery'>, search: string) {
    this.#settings = settings
    this.#search = search
    this.#query = settings.query
  }

  /** The query that the address should have; as it is while no setting has changed, however it is spelt. */
  get search(): string {
    const { query } = this.#settings
    return query === this.#query ? this.#search : searchWith(this.#search, query)
  }

  /** Called once the address says what is set. */
  wrote(search: string): void {
    this.#search = search
    this.#query = this.#settings.query
  }

  /** Whether an address says something else than it did when it was read or written last. */
  isNew(search: string): boolean {
    return search !== this.#search
  }

  /** Called when the address changed under the page, as by Back: the settings follow. @throws {SpqrError} BAD_INPUT */
  follow(search: string): void {
    this.#search = search
    try {
      this.#settings.readQuery(`?${pairsOf(search).filter(isSetting).join('&')}`)
    } finally {
      this.#query = this.#settings.query
    }
  }

  /** The address that gives whoever opens it these settings. */
  address(page: string): string {
    return page.replace(/[?#].*$/s, '') + searchWith('', this.#settings.query)
  }
}
