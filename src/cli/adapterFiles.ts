/** `--alignment-files` and `--fine-tune-files`: the user's own LoRA files, each with a strength behind a colon. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { MAX_ADAPTER_BYTES } from '../core/adapters'
import { SpqrError } from '../core/contracts'
import type { ScriptAdapter } from '../evaluation/run/runApi'

/** Reads `a.safetensors:0.5,b.safetensors`. Throws BAD_INPUT. */
export function readAdapterFiles(option: string, text: string): ScriptAdapter[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      `"--${option}" needs a file name.`,
      'Write it as mine.safetensors or mine.safetensors:0.5, several separated by commas.',
    )
  return parts.map((part) => {
    const [, path = part, number] = /^(.*\.safetensors)(?::(.*))?$/.exec(part) ?? []
    const strength = number === undefined ? 1 : Number(number)
    if (!Number.isFinite(strength) || number === '')
      throw new SpqrError(
        'BAD_INPUT',
        `"--${option}": the strength of "${path}" is no number: "${number}".`,
        'Write it as mine.safetensors:0.5.',
      )
    if (!existsSync(path))
      throw new SpqrError('BAD_INPUT', `"--${option}": there is no file "${path}".`, 'Check the name and the folder.')
    return readAdapterFile(path, strength)
  })
}

/** Reads one file that exists; an adapter_config.json of PEFT's beside it goes with it. Throws BAD_INPUT when it is too large. */
export function readAdapterFile(path: string, strength: number): ScriptAdapter {
  const megabytes = statSync(path).size / 2 ** 20
  if (megabytes > MAX_ADAPTER_BYTES / 2 ** 20 + 1)
    throw new SpqrError(
      'BAD_INPUT',
      `"${path}" holds ${Math.round(megabytes)} MB; an adapter may hold ${MAX_ADAPTER_BYTES / 2 ** 20} MB.`,
      'Choose a LoRA, not a whole model.',
    )
  const config = join(dirname(path), 'adapter_config.json')
  return {
    name: basename(path),
    bytes: readFileSync(path).toString('base64'),
    strength,
    ...(existsSync(config) ? { config: readFileSync(config, 'utf8') } : {}),
  }
}
