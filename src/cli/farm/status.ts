/** How far a run is: by machine, in images, with what is left. */
import { checkShape } from '../../core/contracts'
import type { Board } from './board'
import { ProgressSchema, type FarmRun, type ShardProgress } from './jobs'

export interface FarmStatus {
  run: string
  images: { planned: number; done: number; failed: number }
  shards: { planned: number; finished: number; active: number; waiting: number; failed: number }
  /** Images per second of all machines that are at work; null while nobody is. */
  imagesPerSecond: number | null
  secondsLeft: number | null
  machines: { machine: string; shards: number; images: number; working: boolean; imagesPerSecond: number | null }[]
  /** Machines that were refused, and why. */
  refused: Record<string, string>
  training: 'none' | 'waiting' | 'trained'
  complete: boolean
}

export async function farmStatus(board: Board, run: FarmRun): Promise<FarmStatus> {
  const finished = await board.done(run.id)
  const active = await activeOf(board, run)
  const counts = await board.queue.getJobCounts('wait', 'delayed', 'failed')
  const machines = new Map<string, FarmStatus['machines'][number]>()
  const machineOf = (machine: string) => {
    const known = machines.get(machine) ?? { machine, shards: 0, images: 0, working: false, imagesPerSecond: null }
    machines.set(machine, known)
    return known
  }
  let [done, failed] = [0, 0]
  for (const shard of Object.values(finished)) {
    done += shard.done
    failed += shard.failed
    const one = machineOf(shard.machine)
    one.shards += 1
    one.images += shard.done + shard.failed
    if (shard.seconds > 0) one.imagesPerSecond = (shard.done + shard.failed) / shard.seconds
  }
  for (const progress of active) {
    const one = machineOf(progress.machine)
    one.working = true
    one.imagesPerSecond = progress.imagesPerSecond ?? one.imagesPerSecond
  }
  const rate = [...machines.values()].reduce((sum, one) => sum + (one.working ? (one.imagesPerSecond ?? 0) : 0), 0)
  const begun = active.reduce((sum, progress) => sum + progress.done + progress.failed, 0)
  const complete = Object.keys(finished).length === run.shards
  return {
    run: run.id,
    images: { planned: run.planned, done, failed },
    shards: {
      planned: run.shards,
      finished: Object.keys(finished).length,
      active: active.length,
      waiting: (counts.wait ?? 0) + (counts.delayed ?? 0),
      failed: counts.failed ?? 0,
    },
    imagesPerSecond: rate > 0 ? rate : null,
    secondsLeft: complete ? 0 : rate > 0 ? Math.max(0, run.planned - done - failed - begun) / rate : null,
    machines: [...machines.values()].sort((a, b) => (a.machine < b.machine ? -1 : 1)),
    refused: await board.refusals(run.id),
    training: !run.trains ? 'none' : (await board.isTrained(run.id)) ? 'trained' : 'waiting',
    complete,
  }
}

async function activeOf(board: Board, run: FarmRun): Promise<ShardProgress[]> {
  const jobs = await board.queue.getActive()
  return jobs.flatMap((job) => {
    const { value } = checkShape(ProgressSchema, job.progress)
    return value && job.id?.startsWith(run.id) ? [value] : []
  })
}

const WIDTH = 30

/** The status as lines for a terminal. */
export function statusLines(status: FarmStatus): string[] {
  const { run, images, shards, imagesPerSecond, secondsLeft, machines, refused, training } = status
  const made = images.done + images.failed
  const full = Math.round((WIDTH * made) / Math.max(1, images.planned))
  const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full)
  const rate = imagesPerSecond === null ? '– images/s' : `${imagesPerSecond.toFixed(2)} images/s`
  const left = secondsLeft === null ? 'time left unknown' : `${duration(secondsLeft)} left`
  return [
    `run ${run.slice(0, 12)}  ${bar}  ${made} of ${images.planned} images, ${images.failed} failed, ${rate}, ${left}`,
    `shards: ${shards.finished} of ${shards.planned} finished, ${shards.active} at work, ${shards.waiting} waiting${shards.failed > 0 ? `, ${shards.failed} given up: submit again` : ''}`,
    ...(training === 'waiting' ? ['The fine-tune is not trained yet; the shards follow.'] : []),
    ...machines.map(
      ({ machine, shards: count, images: own, working, imagesPerSecond: speed }) =>
        `  ${machine.padEnd(24)} ${working ? 'at work' : 'idle   '}  ${count} shards, ${own} images${speed === null ? '' : `, ${speed.toFixed(2)} images/s`}`,
    ),
    ...Object.entries(refused).map(([machine, why]) => `  ${machine.padEnd(24)} refused: ${why}`),
  ]
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
