export { memoryLine, peakFactor, planMemory, type MachineFacts, type MemoryPlan, type StageFacts, type VariantFacts } from './plan'
