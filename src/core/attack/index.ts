export { conceptPairs, conceptVector, searchTarget } from './conceptVector'
export { LIVE_SEARCH, PUBLISHED_SEARCH, checkSearch, searchPrompt, type SearchStep, type SearchTask } from './search'
export { conceptName, forbiddenConcepts, searchFor, type ForbiddenConcept } from './tasks'
export {
  checkSameTokenizer,
  framed,
  frameOf,
  searchableTokens,
  type Frame,
  type Reader,
  type Token,
} from './vocabulary'
