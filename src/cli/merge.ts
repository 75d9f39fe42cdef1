/**
 * `npm run merge -- a.json b.json --out run.json`: merges shards of one specification into one record, without a
 * browser. Inputs are reports or records, in any order; naming one twice changes nothing. Exit status 0 when a record
 * was written, 2 for a wrong command line, 1 for files that do not belong together (the conflicts are named).
 */
import { SpqrError } from '../core/contracts'
import { mergeRecords, sealOf } from '../core/scoring'
import { command, readRunFile, writeJson } from './files'

const USAGE = 'npm run merge -- a.json b.json --out run.json'

function main(argv: readonly string[]): number {
  if (argv.includes('--help')) {
    console.log(`${USAGE}\n\n  Shards of one run (reports or records) → one record.`)
    return 0
  }
  const { files, out } = readArguments(argv)
  const { record, notes } = mergeRecords(files.map((name) => ({ name, record: readRunFile(name) })))
  writeJson(out, { seal: sealOf(record), ...record }, record.outcomes.length)
  const failed = record.outcomes.filter(({ status }) => status === 'failed').length
  console.log(`${files.length} files, ${record.outcomes.length} of ${record.planned} images, ${failed} failed: ${out}`)
  for (const note of notes) console.log(`  - ${note}`)
  return 0
}

function readArguments(argv: readonly string[]): { files: string[]; out: string } {
  const files: string[] = []
  let out: string | null = null
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--out') out = argv[++i] ?? ''
    else if (word.startsWith('--out=')) out = word.slice('--out='.length)
    else if (word.startsWith('--')) throw new SpqrError('BAD_INPUT', `Unknown option "${word}".`, USAGE)
    else files.push(word)
  }
  if (files.length === 0) throw new SpqrError('BAD_INPUT', 'No file to merge was named.', USAGE)
  if (!out) throw new SpqrError('BAD_INPUT', '"--out" is missing: the file the merged record is written to.', USAGE)
  return { files, out }
}

await command(main)
