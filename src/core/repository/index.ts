/** From a published repository to a manifest: pure functions of what was read. */
export { precisionOf, unsuitable } from './component'
export {
  ModelIndexSchema,
  SchedulerFileSchema,
  TokenizerFileSchema,
  UnetFileSchema,
  VaeFileSchema,
  VocabularySchema,
  readConfig,
} from './configs'
export { deriveModel, type DerivedModel, type ReadGraph, type RepositoryFacts } from './derive'
export { KNOWN_MODELS, knownModel, type KnownModel } from './known'
export {
  PART_TITLES,
  chooseGraph,
  findGraphs,
  variantsOf,
  type GraphFile,
  type GraphFiles,
  type PartName,
} from './layout'
export type { SamplingDefaults } from './scheduler'
export { clipTokenizerJson, readMerges } from './tokenizer'
