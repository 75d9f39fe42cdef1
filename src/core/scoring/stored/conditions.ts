/** Under what pictures were made: those of one record, or taken from another, must have been made under the same. */
import type { Environment } from '../../contracts/run'

/** What of an environment decides pictures and scores, in words. Threads decide the steps of a training, no picture. */
export function conditionsOf({
  executionProvider,
  precision,
  adapter,
  onnxruntime,
  transformers,
  app,
}: Environment): string {
  const parts = [
    executionProvider,
    precision,
    adapter,
    `onnxruntime ${onnxruntime}`,
    `transformers.js ${transformers}`,
    `page ${app}`,
  ]
  return parts.filter((part) => part !== null).join(', ')
}
