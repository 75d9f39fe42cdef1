/** Records, shards, shelves and stored runs. */
import type { RunRecord } from '../../../src/core/contracts'
import { readSealedText, scoreRecord, sealOf } from '../../../src/core/scoring'
import { ShardCheck, readShardText, shardFile } from '../../../src/core/shards'
import { cleanLabel } from '../../../src/evaluation/shelf/entry'
import { headLine, readShelf, recordLine } from '../../../src/evaluation/shelf/shelfFile'
import { createRunStore } from '../../../src/runtime/storage/runStore'
import { DumpStore } from '../../helpers/storeDump'
import { changeJson } from '../mutate'
import type { Reader } from '../reader'
import { change, jsonReader, same, unfinished } from './json'
import { constantsOf, ownOf, record, report, RESAMPLES } from './tinyRun'

const seal = sealOf(record)
const reportText = JSON.stringify({ ...report, seal, record })
const recordText = JSON.stringify({ seal, ...record })

interface Opened {
  record: RunRecord
  sealed: boolean
}
/** A file without a seal is said to have none. */
const changed = (result: unknown): boolean => {
  const { record: run, sealed } = result as Opened
  return sealed && !same(sorted(run), sorted(record))
}
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, part]) => [key, sorted(part)])
      : value

export const records = jsonReader({
  name: 'records',
  texts: [reportText, recordText],
  read: (text) => readSealedText(text, 'run.json'),
  different: changed,
})

/** A seal that fits what was changed: whoever forges a record can write one. */
function resealed(text: string): string {
  try {
    const run = JSON.parse(text) as RunRecord
    return JSON.stringify({ seal: sealOf(run), ...run })
  } catch {
    return text
  }
}

export const forgedRecords = jsonReader({
  name: 'forged records, scored',
  texts: [JSON.stringify(record)],
  wrap: resealed,
  rewrites: true,
  read: (text) => {
    const { record: run } = readSealedText(text, 'run.json')
    const scored = scoreRecord(run, run.spec.scoring, null, RESAMPLES)
    return { run, own: ownOf(run), scores: scored.scores }
  },
  different: (result) => {
    const { run, own, scores } = result as { run: RunRecord; own: string[]; scores: unknown }
    return unfinished(scores) || (own.length === 0 && !same(constantsOf(run), constantsOf(record)))
  },
})

const shard = shardFile(record, { index: 0, count: 1 }, record.outcomes.length, new Set([record.outcomes[0]!.unitId]))
export const shards = jsonReader({
  name: 'shard files',
  texts: [JSON.stringify(shard)],
  read: (text) => {
    const { record: run, file } = readShardText(text, 'shard.json')
    const check = new ShardCheck()
    if (file) check.add('shard.json', file)
    return { record: run, sealed: file !== null && JSON.parse(text).seal !== undefined, notes: check.finish() }
  },
  different: changed,
})

const label = { name: 'Mine', note: 'a note', tags: ['one', 'two'] }
const line = recordLine({ label, kind: 'run', report: reportText }).trimEnd()
export const shelves: Reader = {
  name: 'shelf files and run notes',
  seeds: 1,
  make: (_, list) => `${headLine(1)}${change(line, list).replaceAll('\n', ' ')}\n`,
  read: async (text) => {
    const taken: Opened[] = []
    for await (const { record: found } of readShelf(new Blob([text as string]), 'shelf')) {
      if (!found) continue
      cleanLabel(found.label, 'a name')
      taken.push(readSealedText(found.report, 'run'))
    }
    return taken
  },
  different: (result) => (result as Opened[]).some(changed),
}

/** The values of a store, changed one by one as JSON: typed arrays are left out, pictures have a hash of their own. */
async function storedRun(): Promise<Map<string, unknown>> {
  const storage = new DumpStore()
  const store = createRunStore({ storage })
  const { outcomes, ...head } = record
  await store.open(head)
  await store.append(record.id, outcomes.slice(0, 5), [], record.timings)
  await store.append(record.id, outcomes.slice(5), [], record.timings)
  return storage.values
}
const stored = await storedRun()
const keys = [...stored.keys()]
/** Without sums and copy, as version 0.1.0 stored runs. */
const unsealed = new Map([...stored].filter(([key]) => !/^(sum|copy):/.test(key)))

const storedReader = (name: string, values: ReadonlyMap<string, unknown>, strict: boolean): Reader => ({
  name,
  seeds: keys.length,
  make: (seed, list) => {
    const key = [...values.keys()][seed % values.size]!
    const text = JSON.stringify(values.get(key))
    const structure = text.startsWith('{') || text.startsWith('[')
    return JSON.stringify([key, structure ? changeJson(text, list) : `"${'f'.repeat((list[0]?.[2] ?? 0) % 80)}"`])
  },
  read: async (input) => {
    const [key, text] = JSON.parse(input as string) as [string, string]
    const storage = new DumpStore()
    for (const [other, value] of values) storage.values.set(other, value)
    storage.values.set(key, parsed(text))
    let told = false
    const store = createRunStore({ storage, onDamage: () => (told = true) })
    await store.list()
    const run = await store.read(record.id)
    if (run && !strict) scoreRecord(run, run.spec.scoring, null, RESAMPLES)
    return { run, told }
  },
  different: (result) => {
    const { run, told } = result as { run: RunRecord | null; told: boolean }
    if (!strict || run === null) return false
    const known = new Map(record.outcomes.map((outcome) => [outcome.unitId, outcome]))
    const { outcomes, ...head } = run
    const whole = outcomes.length === record.outcomes.length
    const true_ = outcomes.every((outcome) => same(sorted(outcome), sorted(known.get(outcome.unitId))))
    return !true_ || (!whole && !told) || !same(sorted({ ...head, outcomes: [] }), sorted({ ...record, outcomes: [] }))
  },
})
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

export const storedRuns = storedReader('stored runs', stored, true)
export const oldStoredRuns = storedReader('stored runs of 0.1.0, scored', unsealed, false)
