/**
 * RunRecord → Report. The formulas live in core/scoring, because workers may not reach into evaluation; this is the
 * name the page and the command line use.
 */
export { DEFAULT_RESAMPLES, scoreRecord, SCORING_PRESETS } from '../core/scoring'
