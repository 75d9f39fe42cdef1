/** From a published repository to a manifest: pure functions of what was read. */
export { precisionOf } from './component'
export {
  ModelIndexSchema,
  SchedulerFileSchema,
  TokenizerFileSchema,
  UnetFileSchema,
  VaeFileSchema,
  VocabularySchema,
  readConfig,
} from './configs'
export { deriveModel, type ReadGraph, type RepositoryFacts } from './derive'
export { KNOWN_MODELS, knownModel } from './known'
export { chooseGraph, findGraphs, variantsOf, type GraphFile, type PartName } from './layout'
export type { SamplingDefaults } from './scheduler'
export { clipTokenizerJson, readMerges } from './tokenizer'
