/** A stored run under other thresholds, constants or slices. The work is core/scoring's, shared with the worker. */
export {
  describeSlice,
  isWhole,
  NO_SLICE,
  sliceRecord,
  THRESHOLD_GRID,
  thresholdCurve,
  type ThresholdPoint,
} from '../core/scoring'
export type { ComparisonPage } from '../core/contracts'
