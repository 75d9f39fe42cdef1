/** The user's own prompt files: formats, columns, sampling. */
export type { PromptFile, PromptFileApi, PromptSetStore, StoredPromptSet } from './api'
export { recogniseLayout, type ColumnMapping } from './columns'
export { decodePromptFile } from './decode'
export { previewPromptFile, readPromptSet, type PromptSetOptions } from './promptSet'
export { checkPromptFileSize } from './rows'
