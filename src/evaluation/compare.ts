/** Two runs side by side, only what changed. The work is core/scoring's, shared with the worker. */
export { compareReports, type Comparison } from '../core/scoring'
