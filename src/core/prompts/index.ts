/** The user's own prompt files: formats, columns, sampling. */
export type { PromptFile, PromptFileApi, PromptSetStore, StoredPromptSet } from './api'
export { recogniseLayout, type ColumnMapping, type KnownLayout } from './columns'
export { decodePromptFile } from './decode'
export {
  MAX_PROMPTS,
  checkSuiteName,
  previewPromptFile,
  readPromptSet,
  type PromptFilePreview,
  type PromptSet,
  type PromptSetOptions,
} from './promptSet'
export { MAX_PROMPT_FILE_BYTES, checkPromptFileSize, type PromptFormat, type Row } from './rows'
