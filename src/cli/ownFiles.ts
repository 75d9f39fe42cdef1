/** Files of the user's own that a run takes: prompts and adapters, from the command line. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { SpqrError } from '../core/contracts'
import type { PromptFileChoices, ScriptAdapter } from '../evaluation/run/runApi'
import { readAdapterFiles } from './adapterFiles'

export const FILE_OPTIONS = {
  prompts: "Prompt file of your own (CSV, JSON or JSONL); its suite is measured instead of the pack's.",
  'prompts-harmless':
    'Its prompts are harmless captions, for P and Q; false: harmful ones. Needed where its columns are those of captions or have no usual name.',
  'prompts-columns': 'Columns of the file by meaning, as text=…,id=…,category=…; recognised where they are usual.',
  'prompts-language': 'Language of its prompts where no column tells it. Default en.',
  'prompts-seed': 'Seed of the order in which prompts are drawn from it. Default 0.',
  'accept-terms': "You may use the prompt file under its owner's terms; without this it is not read.",
  'alignment-files':
    'LoRA files of your own as the alignment, separated by commas, each with a strength behind a colon: mine.safetensors:0.5.',
  'fine-tune-files': 'The same as the benign fine-tune.',
} as const
type FileOptions = Partial<Record<keyof typeof FILE_OPTIONS, string>>

export interface OwnFiles {
  prompts: { file: { name: string; bytes: string }; choices: PromptFileChoices } | null
  adapters: { role: 'alignment' | 'fine-tune'; files: ScriptAdapter[] }[]
}

/** @throws {SpqrError} BAD_INPUT for a file that cannot be read, or whose terms were not agreed to */
export function readOwnFiles(own: FileOptions): OwnFiles {
  const choices = promptChoices(own)
  const file = own.prompts === undefined ? null : readPromptFile(own.prompts)
  if (file && !choices.acknowledged)
    throw new SpqrError(
      'BAD_INPUT',
      'The terms of the prompt file have not been agreed to.',
      'Read them, then add --accept-terms.',
    )
  const adapters = (['alignment', 'fine-tune'] as const).flatMap((role) => {
    const given = own[`${role}-files`]
    return given === undefined ? [] : [{ role, files: readAdapterFiles(`${role}-files`, given) }]
  })
  return { prompts: file && { file, choices }, adapters }
}

/** Columns of a prompt file that can be named. */
const MEANINGS = ['text', 'id', 'category'] as const

/** What the options say about the prompt file. Throws BAD_INPUT. */
function promptChoices(own: FileOptions): PromptFileChoices {
  const seed = Number(own['prompts-seed'] ?? 0)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new SpqrError('BAD_INPUT', '"--prompts-seed" must be a whole number from 0 to 4294967295.')
  const columns: Partial<Record<(typeof MEANINGS)[number], string>> = {}
  for (const part of (own['prompts-columns'] ?? '').split(',').filter((text) => text !== '')) {
    const [meaning = '', column = ''] = part.split('=').map((text) => text.trim())
    const known = MEANINGS.find((one) => one === meaning)
    if (!known || column === '')
      throw new SpqrError(
        'BAD_INPUT',
        `"--prompts-columns" cannot be read at "${part}".`,
        'Write it as text=…,id=…,category=….',
      )
    columns[known] = column
  }
  return {
    ...columns,
    acknowledged: own['accept-terms'] === 'true',
    ...(own['prompts-harmless'] === undefined ? {} : { harmful: own['prompts-harmless'] !== 'true' }),
    language: own['prompts-language'] ?? 'en',
    seed,
  }
}

function readPromptFile(path: string): { name: string; bytes: string } {
  try {
    return { name: basename(path), bytes: readFileSync(path).toString('base64') }
  } catch {
    throw new SpqrError('BAD_INPUT', `The prompt file "${path}" cannot be read.`, 'Check the name and the folder.')
  }
}
