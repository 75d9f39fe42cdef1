/** `npm run farm -- submit | work | status | collect`: one run on many machines that share a Redis. */
import { hostname } from 'node:os'
import { QueueEvents } from 'bullmq'
import { MOST_SHARDS, SpqrError } from '../../core/contracts'
import { argumentPairs, parseParameters, unknownSentence } from '../../evaluation/spec/params'
import { assertWritable } from '../files'
import { FILE_OPTIONS, readOwnFiles, type OwnFiles } from '../ownFiles'
import { Board, PREFIX } from './board'
import { collect } from './collect'
import { connect, forQueue, REDIS_VARIABLE, redisError, redisOptions, type Connected } from './connection'
import type { FarmEvaluator, Parameters } from './evaluator'
import { farmRun } from './jobs'
import { farmStatus, statusLines } from './status'
import { FarmWorker } from './work'

export type EvaluatorOf = (own: OwnFiles) => FarmEvaluator

/** Images of a shard where the submitter does not say. */
const PER_SHARD = 48

const COMMON = {
  redis: `Redis: redis://:password@host:6379, unix:/path?password=… or a socket's path; better in ${REDIS_VARIABLE}.`,
  queue: 'Name that keeps farms on one Redis apart. Default spqr.',
  help: 'Print this list.',
}
const OPTIONS = {
  submit: {
    ...COMMON,
    ...FILE_OPTIONS,
    shards: `Number of shards; default one for ${PER_SHARD} images.`,
    pause: 'Seconds before a failed shard is tried again, doubled each time. Default 5.',
  },
  work: {
    ...COMMON,
    ...FILE_OPTIONS,
    name: "This machine's name. Default its host name and process.",
    folder: 'Folder for the shards made here. Default shards.',
    lock: 'Seconds after which the shard of a silent worker goes to another. Default 30.',
    'until-empty': 'End when nothing is left to do.',
  },
  status: {
    ...COMMON,
    run: 'The run, by the beginning of its name.',
    json: 'Print JSON.',
    watch: 'Follow until it is complete.',
  },
  collect: {
    ...COMMON,
    run: 'The run, by the beginning of its name.',
    folder: 'Folder for the shards. Default shards.',
    out: 'File the merged record is written to.',
    free: 'Take from Redis what is written.',
  },
} as const
type Command = keyof typeof OPTIONS
const FLAGS = new Set(['help', 'until-empty', 'json', 'watch', 'free', 'prompts-harmless', 'accept-terms'])
const USAGE = 'npm run farm -- submit | work | status | collect [options]'

const bad = (what: string, hint = '--help lists the options.') => new SpqrError('BAD_INPUT', what, hint)

interface Given {
  own: Record<string, string>
  parameters: Parameters
}

function readArguments(command: Command, argv: readonly string[]): Given {
  const own: Record<string, string> = {}
  const parameters: Parameters = {}
  for (const [name, text] of argumentPairs(argv)) {
    if (!Object.hasOwn(OPTIONS[command], name)) parameters[name] = text
    else if (FLAGS.has(name) && !['', 'true', 'false'].includes(text))
      throw bad(`"--${name}" is on or off, not "${text}".`)
    else if (text !== 'false' || !FLAGS.has(name)) own[name] = FLAGS.has(name) ? 'true' : text
    if (text === '' && Object.hasOwn(OPTIONS[command], name) && !FLAGS.has(name))
      throw bad(`"--${name}" needs a value.`)
  }
  const takes = command === 'submit' || command === 'work'
  const [stranger] = Object.keys(parameters)
  if (!takes && stranger !== undefined) throw bad(`Unknown option "--${stranger}".`)
  const sentence = unknownSentence(parseParameters(Object.entries(parameters)).unknown)
  if (sentence !== null) throw bad(sentence)
  if (own.queue !== undefined && !/^[\w-]{1,50}$/.test(own.queue))
    throw bad('"--queue" takes letters, digits and hyphens.')
  return { own, parameters }
}

function numberIn(own: Record<string, string>, name: string, low: number, high: number): number | null {
  const text = own[name]
  if (text === undefined) return null
  const value = Number(text)
  if (text.trim() !== '' && value >= low && value <= high) return value
  throw bad(`"--${name}" must be a number from ${low} to ${high}; it is "${text.slice(0, 40)}".`)
}

export async function farm(argv: readonly string[], evaluatorOf: EvaluatorOf): Promise<number> {
  const [name = '', ...rest] = argv
  if (!Object.hasOwn(OPTIONS, name)) {
    if (name === '--help' || name === 'help') {
      console.log(USAGE)
      return 0
    }
    throw bad(name === '' ? 'Say what to do.' : `"${name.slice(0, 40)}" is no command of the farm.`, USAGE)
  }
  const command = name as Command
  const given = readArguments(command, rest)
  if (given.own.help === 'true') {
    const lines = Object.entries(OPTIONS[command]).map(([option, text]) => `  --${option.padEnd(16)} ${text}`)
    console.log([`npm run farm -- ${command} [options]`, '', ...lines].join('\n'))
    return 0
  }
  redisOptions(given.own.redis)
  const pause = numberIn(given.own, 'pause', 0, 3600)
  shardsIn(given.own)
  const files = command === 'submit' || command === 'work' ? readOwnFiles(given.own) : null
  const connected = await connect(given.own.redis, command === 'work')
  const board = new Board(connected, given.own.queue ?? 'spqr', pause === null ? undefined : 1000 * pause)
  try {
    if (command === 'status') return await status(board, connected, given)
    if (command === 'collect') return await gather(board, given)
    if (!files) return 2
    const evaluator = evaluatorOf(files)
    try {
      return await (command === 'submit' ? submit : work)(board, connected, given, evaluator)
    } finally {
      await evaluator.close()
    }
  } catch (thrown) {
    throw redisError(thrown, connected.options)
  } finally {
    await board.close().catch(() => undefined)
  }
}

function shardsIn(own: Record<string, string>): number | null {
  const asked = numberIn(own, 'shards', 1, MOST_SHARDS)
  if (asked !== null && !Number.isInteger(asked)) throw bad('"--shards" must be a whole number.')
  return asked
}

async function submit(
  board: Board,
  _: Connected,
  { own, parameters }: Given,
  evaluator: FarmEvaluator,
): Promise<number> {
  const asked = shardsIn(own)
  const specified = await evaluator.specify(parameters)
  const shards = asked ?? Math.max(1, Math.ceil(specified.planned / PER_SHARD))
  const wanted = farmRun(specified, parameters, shards)
  const run = await board.begin(wanted)
  if (asked !== null && run.shards !== asked)
    throw bad(`This run was submitted before in ${run.shards} shards, and stays so.`, 'Leave out --shards.')
  const waits = run.trains && !(await board.isTrained(run.id))
  const added = waits ? await board.addTraining(run) : await board.addShards(run)
  const what = waits
    ? 'The fine-tune is trained first; its shards follow.'
    : `${added} new, ${run.shards - added} there already.`
  console.log(`run ${run.id}: ${run.planned} images in ${run.shards} shards. ${what}`)
  if (run.withheld.length > 0)
    console.log(
      `Start the workers with ${run.withheld.map((name) => `--${name}`).join(', ')} too: words of yours are not kept in Redis.`,
    )
  return 0
}

async function work(
  board: Board,
  connected: Connected,
  { own, parameters }: Given,
  evaluator: FarmEvaluator,
): Promise<number> {
  const machine = own.name ?? `${hostname()}-${process.pid}`
  if (!/^[\w.-]{1,100}$/.test(machine)) throw bad('"--name" takes letters, digits, dots and hyphens.')
  const worker = new FarmWorker(board, connected, evaluator, {
    queue: own.queue ?? 'spqr',
    machine,
    folder: own.folder ?? 'shards',
    own: parameters,
    lockMs: 1000 * (numberIn(own, 'lock', 1, 3600) ?? 30),
    untilEmpty: own['until-empty'] === 'true',
    log: (line) => console.error(`${machine}: ${line}`),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      console.error(
        `${machine}: ends after the shard in hand; once more ends it at once, and another machine takes it.`,
      )
      worker.stop()
    })
  console.error(`${machine}: works`)
  console.log(`${machine}: ${await worker.run()} shards`)
  return 0
}

async function status(board: Board, { options }: Connected, { own }: Given): Promise<number> {
  const run = await board.find(own.run)
  const show = async () => {
    const now = await farmStatus(board, run)
    console.log(own.json === 'true' ? JSON.stringify(now) : statusLines(now).join('\n'))
    return now.complete
  }
  if (await show()) return 0
  if (own.watch !== 'true') return 1
  const events = new QueueEvents(own.queue ?? 'spqr', { connection: forQueue(options), prefix: PREFIX })
  try {
    await new Promise<void>((resolve, reject) => {
      let shown = Date.now()
      let [busy, again] = [false, false]
      const look = async (): Promise<void> => {
        again = true
        if (busy) return
        busy = true
        // What comes while it is drawn is drawn next.
        while (again) {
          again = false
          if (await show()) return resolve()
        }
        busy = false
        shown = Date.now()
      }
      const now = () => void look().catch(reject)
      events.on('progress', () => Date.now() - shown > 1000 && now())
      events.on('completed', now)
      events.on('error', reject)
      events.waitUntilReady().then(now, reject)
    })
  } finally {
    await events.close()
  }
  return 0
}

async function gather(board: Board, { own }: Given): Promise<number> {
  const run = await board.find(own.run)
  const { out = null, folder = 'shards' } = own
  if (out !== null) assertWritable(out)
  const { fetched, merged } = await collect(board, run, { folder, out, free: own.free === 'true' })
  console.log(`${fetched} shards fetched.`)
  if (!merged) return 0
  console.log(`${merged.images} of ${merged.planned} images, ${merged.failed} failed: ${out}`)
  for (const note of merged.notes) console.log(`  - ${note}`)
  for (const sentence of merged.missing) console.error(sentence)
  return merged.missing.length > 0 ? 1 : 0
}
