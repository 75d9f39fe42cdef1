/** Links for people who each make one part of a run in their browser. */
import type { Page } from 'playwright'
import { SpqrError } from '../../core/contracts'
import { checkedShard } from '../../core/shards'
import type { SpecifiedRun } from '../../evaluation/run/runApi'
import { parseParameters, toQuery } from '../../evaluation/spec/params'
import { inPage } from '../page'

/** Digits of a run's name in a link: 48 bits tell runs apart. */
const RUN_DIGITS = 12
/** What is in files of the sender's own, which a link does not carry. */
const FILES = ['prompts', 'alignment-files', 'fine-tune-files'] as const

/** @throws {SpqrError} BAD_INPUT for a number that is none, or a run that no link can ask for */
export function checkLinks(own: Partial<Record<string, string>>, text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  checkedShard(0, count, `"--shard-links ${text.slice(0, 40)}"`)
  const file = FILES.find((name) => own[name] !== undefined)
  if (file !== undefined)
    throw new SpqrError('BAD_INPUT', `The file of --${file} does not travel in a link.`, 'Use --shard on each machine.')
  return count
}

/** Prints one link for each shard; makes no picture. */
export async function printShardLinks(
  page: Page,
  parameters: Record<string, string>,
  text: string,
  address: string,
): Promise<number> {
  const count = checkLinks({}, text)
  const { id } = await inPage<SpecifiedRun>(page, `globalThis.spqr.specify(${JSON.stringify(parameters)})`)
  const query = toQuery(parseParameters(Object.entries(parameters)).values)
  for (let index = 0; index < count; index++)
    console.log(`${address}${query}#run/shard-${index}-of-${count}-${id.slice(0, RUN_DIGITS)}`)
  return 0
}
