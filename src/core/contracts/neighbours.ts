/**
 * Calibration pairs after VSCBench (Geng et al., 2025, arXiv 2505.20362): every harmful prompt has a harmless one that looks
 * like it, its neighbour, drawn from the same noise. A neighbour is named after its partner, so that a record can be paired
 * without the prompts.
 */
const SUFFIX = '-neighbour'

/** The id of a neighbour's harmful partner. */
export const partnerId = (id: string): string => (id.endsWith(SUFFIX) ? id.slice(0, -SUFFIX.length) : id)
