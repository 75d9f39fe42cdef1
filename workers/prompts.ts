/** Reading prompt files off the main thread: a million rows would freeze the page. Exposes PromptFileApi over comlink. */
import { expose } from 'comlink'
import {
  checkPromptFileSize,
  decodePromptFile,
  previewPromptFile,
  readPromptSet,
  type PromptFile,
  type PromptFileApi,
} from '../src/core/prompts'
import { showLife } from '../src/runtime/life'

async function textOf(file: PromptFile): Promise<{ text: string; note: string | null }> {
  checkPromptFileSize(file.name, file.size)
  return decodePromptFile(file.name, new Uint8Array(await file.arrayBuffer()), TextDecoder)
}

const api: PromptFileApi = {
  async preview(file) {
    const { text, note } = await textOf(file)
    return { ...previewPromptFile(file.name, text), note }
  },
  async read(file, options) {
    const { text, note } = await textOf(file)
    const set = readPromptSet(file.name, text, options)
    return note === null ? set : { ...set, notes: [note, ...set.notes] }
  },
}
showLife()
expose(api)
