/** Whether a model fits a machine, before it is downloaded. */
export { KEPT_BYTES, variantFacts, variantsKept } from './facts'
export {
  memoryLine,
  peakFactor,
  planMemory,
  type MachineFacts,
  type MemoryPlan,
  type StageFacts,
  type VariantFacts,
} from './plan'
