export { conceptPairs, conceptVector, searchTarget } from './conceptVector'
export { LIVE_SEARCH, PUBLISHED_SEARCH, checkSearch, searchPrompt, type SearchTask } from './search'
export { forbiddenConcepts, searchFor, type ForbiddenConcept } from './tasks'
export { framed, frameOf, searchableTokens, type Token } from './vocabulary'
