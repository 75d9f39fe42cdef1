/** A stored run under other thresholds. The work is core/scoring's, shared with the worker. */
export { THRESHOLD_GRID, thresholdCurve, type ThresholdPoint } from '../core/scoring'
