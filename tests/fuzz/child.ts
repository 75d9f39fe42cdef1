/** Fuzzes one reader, started by run.ts, and tells what it has found. */
import fc from 'fast-check'
import { changes } from './mutate'
import { KINDS, tryOne } from './reader'
import { READERS } from './readers'
import { BATCH, type Counts, type Job, type Told } from './run'
import './withoutPictures'

const { reader, from, inputs, seed } = JSON.parse(process.argv[2] ?? '') as Job
const chosen = READERS[reader]!
const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Counts
const found: string[] = []

for (let done = from; done < inputs; done += BATCH) {
  // Each batch has a seed of its own, so that a run can go on behind one that hangs.
  const drawn = fc.sample(fc.tuple(fc.nat(chosen.seeds - 1), changes), {
    numRuns: BATCH,
    seed: seed * 1_000_003 + done,
  })
  for (const [which, list] of drawn.slice(0, inputs - done)) {
    const { kind, note } = await tryOne(chosen, which, list)
    counts[kind] += 1
    if (kind !== 'opened' && kind !== 'refused' && found.length < 20)
      found.push(`${kind}: ${note.slice(0, 160)} ${JSON.stringify([which, list])}`)
  }
  process.send?.({ counts, done: Math.min(inputs, done + BATCH), found } satisfies Told)
}
process.exit(0)
