/**
 * `npm run fuzz`: a million changed inputs over every reader, each reader in a process of its own, so that one that hangs
 * can be ended. `--inputs 10000` for fewer, `--seed 3` for others, `--only npz` for one reader.
 */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { argumentPairs } from '../../src/evaluation/spec/params'
import { KINDS, type Kind } from './reader'
import { READERS } from './readers'

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
/** Seconds of its own work without a sign of life after which a reader hangs, and seconds between two looks. */
const [SILENCE, LOOK] = [90, 5]
/** Seconds by the clock after which one hangs that waits and does no work. */
const STANDSTILL = 20 * SILENCE

/** Seconds that a process has worked, since other work may have the machine; the clock where the system does not say. */
function secondsOf(pid: number | undefined): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) / 100
  } catch {
    return performance.now() / 1000
  }
}

export interface Job {
  reader: number
  from: number
  inputs: number
  seed: number
}
export type Counts = Record<Kind, number>
export interface Told {
  counts: Counts
  done: number
  /** Inputs that are none of opened and refused, as text, the first few. */
  found: string[]
}

const none = (): Counts => Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Counts

/** One reader; one that hangs counts as slow, and goes on behind the input. */
async function fuzz(reader: number, inputs: number, seed: number): Promise<Told> {
  const total: Told = { counts: none(), done: 0, found: [] }
  while (total.done < inputs) {
    const told = await run({ reader, from: total.done, inputs, seed })
    for (const kind of KINDS) total.counts[kind] += told.counts[kind]
    total.found.push(...told.found)
    total.done = told.done
  }
  return total
}

function run(job: Job): Promise<Told> {
  return new Promise((resolve) => {
    const child = fork(CHILD, [JSON.stringify(job)], { execArgv: process.execArgv })
    let last: Told = { counts: none(), done: job.from, found: [] }
    let [seen, heard] = [secondsOf(child.pid), performance.now()]
    const hangs = () => {
      const counts = { ...last.counts, slow: last.counts.slow + 1 }
      resolve({ counts, done: Math.min(job.inputs, last.done + BATCH), found: [...last.found, 'hangs or ends'] })
    }
    const watch = setInterval(() => {
      const waited = (performance.now() - heard) / 1000
      if (secondsOf(child.pid) - seen > SILENCE || waited > STANDSTILL) child.kill('SIGKILL')
    }, LOOK * 1000)
    child.on('message', (told: Told) => {
      ;[seen, heard] = [secondsOf(child.pid), performance.now()]
      last = told
    })
    child.on('exit', (code) => {
      clearInterval(watch)
      if (code === 0) resolve(last)
      else hangs()
    })
  })
}

/** Inputs between two signs of life. */
export const BATCH = 200

async function main(): Promise<number> {
  const { inputs = '1000000', seed = '1', only = '' } = Object.fromEntries(argumentPairs(process.argv.slice(2)))
  const chosen = READERS.map((reader, i) => ({ reader, i })).filter(({ reader }) => reader.name.includes(only))
  const each = Math.ceil(Number(inputs) / chosen.length)
  const widths = KINDS.map((kind) => Math.max(kind.length, 8))
  const row = (name: string, cells: readonly string[]) =>
    console.log(name.padEnd(32) + cells.map((cell, i) => cell.padStart((widths[i] ?? 8) + 2)).join(''))
  row('reader', KINDS)
  const sum = none()
  for (const { reader, i } of chosen) {
    const { counts, found } = await fuzz(i, each, Number(seed))
    row(
      reader.name,
      KINDS.map((kind) => String(counts[kind])),
    )
    for (const kind of KINDS) sum[kind] += counts[kind]
    for (const one of found.slice(0, 5)) console.log(`    ${one}`)
  }
  row(
    'all',
    KINDS.map((kind) => String(sum[kind])),
  )
  return KINDS.every((kind) => kind === 'opened' || kind === 'refused' || sum[kind] === 0) ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main()
