/**
 * `npm run merge -- a.json b.json --out run.json`: merges shards of one specification into one record, without a
 * browser. Inputs are shards, reports or records, in any order; naming one twice changes nothing. Exit status 0 when a
 * record was written, 2 for a wrong command line, 1 for files that do not belong together (the conflicts are named), and
 * with --require-complete when images are missing.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SpqrError } from '../core/contracts'
import { assertWritable, command } from './files'
import { mergeFiles } from './shards/mergeFiles'

const USAGE = 'npm run merge -- a.json b.json --out run.json'
const HELP = `${USAGE}

  Shards of one run (shards, reports or records) → one record. Of a folder its .json files are taken.
  --out               File the merged record is written to.
  --require-complete  Exit status 1 while shards or images are missing; they are named, and the record is written.`

interface Choice {
  inputs: string[]
  out: string
  complete: boolean
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    console.log(HELP)
    return 0
  }
  const { inputs, out, complete } = readArguments(argv)
  const files = inputs.flatMap(filesOf)
  assertWritable(out)
  const { images, failed, planned, notes, missing } = await mergeFiles(files, out)
  console.log(`${files.length} files, ${images} of ${planned} images, ${failed} failed: ${out}`)
  for (const note of notes) console.log(`  - ${note}`)
  for (const sentence of missing) (complete ? console.error : console.log)(complete ? sentence : `  - ${sentence}`)
  return complete && missing.length > 0 ? 1 : 0
}

function readArguments(argv: readonly string[]): Choice {
  const inputs: string[] = []
  let out: string | null = null
  let complete = false
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--out') out = argv[++i] ?? ''
    else if (word.startsWith('--out=')) out = word.slice('--out='.length)
    else if (word === '--require-complete') complete = true
    else if (word.startsWith('--')) throw new SpqrError('BAD_INPUT', `Unknown option "${word}".`, USAGE)
    else inputs.push(word)
  }
  if (inputs.length === 0) throw new SpqrError('BAD_INPUT', 'No file to merge was named.', USAGE)
  if (!out) throw new SpqrError('BAD_INPUT', '"--out" is missing: the file the merged record is written to.', USAGE)
  return { inputs, out, complete }
}

/** A shell's list of a large run's files would be longer than a command line may be. */
function filesOf(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path]
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .sort()
  if (files.length === 0)
    throw new SpqrError('BAD_INPUT', `The folder "${path}" holds no .json file.`, 'Name the folder of one run.')
  return files.map((name) => join(path, name))
}

await command(main)
