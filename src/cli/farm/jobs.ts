/**
 * What is kept in Redis of a run: its parameters and hashes, never a text. Words of the submitter's own (concepts and the
 * like) stay out as well: a worker is started with them, and the run's hash says whether they are the same.
 */
import * as v from 'valibot'
import {
  EnvironmentSchema,
  ShardSchema,
  SpqrError,
  checkShape,
  parseJson,
  suitesOfRun,
  type Shard,
} from '../../core/contracts'
import { hash, label } from '../../core/contracts/fields'
import type { SpecifiedRun } from '../../evaluation/run/runApi'

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e9))

/** Parameters that hold words of the user's own. */
const WORDS = ['concepts', 'guide', 'preserve']
/** Parameters that say on what a machine computes: each worker has its own. */
const MACHINE = ['ep', 'threads', 'batch', 'mirror']

/** A run as it was submitted. */
const FarmRunSchema = v.strictObject({
  id: hash,
  parameters: v.record(label, v.pipe(v.string(), v.maxLength(2000))),
  /** Parameters that workers must be started with. */
  withheld: v.array(label),
  shards: v.pipe(count, v.minValue(1)),
  planned: count,
  /** Whether a live fine-tune is trained once, before the shards. */
  trains: v.boolean(),
  /** By what a worker tells what it has of another kind. */
  model: v.strictObject({ id: label, version: label, manifestSha256: hash }),
  suites: v.array(v.strictObject({ suite: label, sha256: hash })),
})
export type FarmRun = v.InferOutput<typeof FarmRunSchema>

export const ShardJobSchema = v.strictObject({ kind: v.literal('shard'), run: hash, shard: ShardSchema })
export const TrainJobSchema = v.strictObject({ kind: v.literal('train'), run: hash })
const JobSchema = v.variant('kind', [ShardJobSchema, TrainJobSchema])
export type FarmJob = v.InferOutput<typeof JobSchema>

/** What a worker says of a shard while it makes it. */
export const ProgressSchema = v.strictObject({
  machine: label,
  done: count,
  failed: count,
  planned: count,
  imagesPerSecond: v.nullable(v.number()),
})
export type ShardProgress = v.InferOutput<typeof ProgressSchema>

/** What is kept of a finished shard beside its file. */
export const DoneSchema = v.strictObject({
  machine: label,
  done: count,
  failed: count,
  seconds: v.number(),
})
export type ShardDone = v.InferOutput<typeof DoneSchema>

export { EnvironmentSchema, FarmRunSchema, JobSchema }

/** Ids of jobs: submitting twice adds nothing. */
export const shardJobId = (run: string, { index, count: shards }: Shard): string => `${run}-${index}-of-${shards}`
export const trainJobId = (run: string): string => `${run}-train`

export function farmRun(
  { id, spec, planned }: SpecifiedRun,
  parameters: Readonly<Record<string, string>>,
  shards: number,
): FarmRun {
  const names = Object.keys(parameters).filter((name) => !MACHINE.includes(name))
  const withheld = names.filter((name) => WORDS.includes(name))
  const told = names.filter((name) => !withheld.includes(name))
  return {
    id,
    parameters: Object.fromEntries(told.map((name) => [name, parameters[name] ?? ''])),
    withheld,
    shards,
    planned,
    trains: spec.fineTune?.kind === 'live',
    model: spec.model,
    suites: suitesOfRun(spec.prompts).map(({ suite, sha256 }) => ({ suite, sha256 })),
  }
}

/** The parameters of a run on this machine: the run's, what was withheld, and the machine's own. */
export function parametersHere(run: FarmRun, own: Readonly<Record<string, string>>): Record<string, string> {
  const mine = [...MACHINE, ...run.withheld].flatMap((name) => {
    const text = own[name]
    return text === undefined ? [] : [[name, text] as const]
  })
  return { ...run.parameters, ...Object.fromEntries(mine) }
}

/** Why this machine does not make the same run; one sentence. */
export function whyAnother(run: FarmRun, here: SpecifiedRun, own: Readonly<Record<string, string>>): string {
  const { model, prompts } = here.spec
  if (model.id !== run.model.id) return `it has the pack ${model.id}, and the run is of ${run.model.id}`
  if (model.manifestSha256 !== run.model.manifestSha256)
    return `its pack ${model.id} is another version (${model.manifestSha256.slice(0, 12)}) than the run's (${run.model.manifestSha256.slice(0, 12)})`
  const suites = suitesOfRun(prompts)
  const other = run.suites.find(
    ({ suite, sha256 }) => !suites.some((one) => one.suite === suite && one.sha256 === sha256),
  )
  if (other) return `its prompts of suite ${other.suite} are others, or their file is not here`
  const words = run.withheld.find((name) => own[name] === undefined)
  if (words !== undefined) return `it was not started with the run's --${words}`
  return 'its version of the page specifies the run otherwise, or a file or word of the run is another here'
}

/** A value from Redis. @throws {SpqrError} RECORD_INVALID: somebody else writes there */
export function readStored<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  what: string,
): v.InferOutput<Schema> {
  const { value, fault } = parseJson(text)
  return checked(schema, fault === null ? value : null, what)
}

export function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
  what: string,
): v.InferOutput<Schema> {
  const { value, fault } = checkShape(schema, given)
  if (fault === null) return value
  throw new SpqrError(
    'RECORD_INVALID',
    `What Redis holds as ${what} is wrong at ${fault}.`,
    'Another program or version writes there: choose another --queue.',
  )
}
