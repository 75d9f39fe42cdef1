/** Catalogues that the build compiles from src/locales; English is the source itself. */
declare module 'virtual:messages/*' {
  import type { CatalogModule } from 'wuchale/runtime'
  /** Sentences of the markup, by number. */
  export const c: CatalogModule['c']
  /** Sentences of the state, with their English. */
  export const sentences: readonly (readonly [string, string])[]
  export const counted: Readonly<Record<string, readonly string[]>>
  export const formOf: (n: number) => number
}
