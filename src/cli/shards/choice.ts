/** Which shard a process is to make: by its command line, or by what Slurm and Kubernetes tell it. */
import { SpqrError, type Shard } from '../../core/contracts'
import { checkedShard, parseShard } from '../../core/shards'

export interface ShardOptions {
  /** `i/n`, or `auto`: as the scheduler says. */
  shard?: string | undefined
  /** Number of shards; the scheduler then says which. */
  shards?: string | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

const bad = (what: string, hint: string) => new SpqrError('BAD_INPUT', what, hint)

/** Null: the whole run. @throws {SpqrError} BAD_INPUT when no shard, or none that there is, is named */
export function chosenShard({ shard, shards }: ShardOptions, variables: Variables): Shard | null {
  if (shard !== undefined && shard !== 'auto') {
    if (shards !== undefined) throw bad('"--shard i/n" and "--shards" both say how many shards there are.', 'Give one.')
    return parseShard(shard)
  }
  if (shard === undefined && shards === undefined) return null
  const count = shards === undefined ? null : wholeNumber(shards, '"--shards"')
  return fromScheduler(count, variables)
}

function wholeNumber(text: string, name: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw bad(`${name} must be a whole number; it is "${text.slice(0, 40)}".`, 'Check the command line.')
}

function fromScheduler(count: number | null, variables: Variables): Shard {
  const { SLURM_ARRAY_TASK_ID: task, JOB_COMPLETION_INDEX: completion } = variables
  if (task !== undefined) {
    const index = wholeNumber(task, 'SLURM_ARRAY_TASK_ID')
    return checkedShard(index, count ?? slurmCount(variables), `SLURM_ARRAY_TASK_ID ${index}`)
  }
  if (completion !== undefined) {
    const index = wholeNumber(completion, 'JOB_COMPLETION_INDEX')
    if (count === null)
      throw bad('Kubernetes does not tell a task how many there are.', 'Add --shards with the number of completions.')
    return checkedShard(index, count, `JOB_COMPLETION_INDEX ${index}`)
  }
  throw bad(
    'No scheduler says which shard this is: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set.',
    'Write --shard i/n, such as --shard 0/4.',
  )
}

/** The size of the whole array; of one that was submitted again in part, Slurm tells only the part's. */
function slurmCount(variables: Variables): number {
  const read = (name: string) => {
    const text = variables[name]
    if (text === undefined) throw bad(`${name} is not set.`, 'Add --shards with the number of tasks of the array.')
    return wholeNumber(text, name)
  }
  const [count, lowest, highest] = ['COUNT', 'MIN', 'MAX'].map((name) => read(`SLURM_ARRAY_TASK_${name}`))
  if (count === undefined || lowest !== 0 || highest !== count - 1)
    throw bad(
      `This array has ${count} tasks numbered ${lowest} to ${highest}, so the number of shards cannot be told from it.`,
      'Number the tasks from 0, as --array=0-19, or add --shards with the number of tasks of the whole array.',
    )
  return count
}
