/**
 * The error catalogue. Every error a person can meet has a code, one plain sentence that says what is
 * wrong and where, and what to do next. Comlink carries only message, name and stack, so the code and
 * the hint travel inside `name` and are revived on the other side by `reviveError`.
 */
export const ERROR_CODES = [
  'ABORTED',
  'ADAPTER_INVALID',
  'ADAPTER_UNMATCHED',
  'ADAPTER_SHAPE',
  'ADAPTER_NAN',
  'ADAPTER_TOO_LARGE',
  'BAD_IMAGE',
  'BAD_INPUT',
  'CACHE_CORRUPT',
  'CHECKPOINT_INVALID',
  'DATASET_INVALID',
  'DATASET_NOT_BENIGN',
  'DEVICE_LOST',
  'DOWNLOAD_FAILED',
  'GRAPH_MISMATCH',
  'HASH_MISMATCH',
  'JUDGE_FAILED',
  'LINK_INVALID',
  'LINK_MISMATCH',
  'LINK_TOO_LARGE',
  'MANIFEST_INVALID',
  'MEMORY',
  'PROMPTS_INVALID',
  'PROMPT_TOO_LONG',
  'RECORD_INVALID',
  'SAFETENSORS_INVALID',
  'SOURCE_FORBIDDEN',
  'SOURCE_NOT_FOUND',
  'SOURCE_UNSUITABLE',
  'STORAGE_FULL',
  'TRAINING_DIVERGED',
  'WEBGPU_UNAVAILABLE',
  'WEIGHTS_INVALID',
  'WORKER_CRASHED',
  'UNEXPECTED',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

export class SpqrError extends Error {
  readonly code: ErrorCode
  /** What to do next: one sentence. */
  readonly hint: string

  constructor(code: ErrorCode, message: string, hint = '') {
    super(message)
    this.code = code
    this.hint = hint
    this.name = `SpqrError:${code}:${hint}`
  }
}

/** Turns anything thrown, also across a worker boundary, back into a SpqrError. */
export function reviveError(thrown: unknown): SpqrError {
  if (thrown instanceof SpqrError) return thrown
  if (!(thrown instanceof Error)) return new SpqrError('UNEXPECTED', String(thrown))
  if (thrown.name === 'AbortError') return new SpqrError('ABORTED', 'The work was stopped.')
  const [prefix, code, ...hint] = thrown.name.split(':')
  if (prefix === 'SpqrError' && ERROR_CODES.includes(code as ErrorCode)) {
    const revived = new SpqrError(code as ErrorCode, thrown.message, hint.join(':'))
    if (thrown.stack) revived.stack = thrown.stack
    return revived
  }
  const revived = new SpqrError('UNEXPECTED', thrown.message)
  if (thrown.stack) revived.stack = thrown.stack
  return revived
}
