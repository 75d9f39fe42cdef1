/** Pairs of a query in an address's fragment. */
export const readPairs = (query: string): Pick<URLSearchParams, 'get' | 'getAll' | 'keys'> => new URLSearchParams(query)
