/** Pairs of an address, one by one: those that can be read, and what is wrong with the others. */
import { reviveError } from '../../core/contracts'
import { parseParameters } from '../../evaluation/spec/params'
import { wrongSetting } from '../page/fields'

type Pair = readonly [string, string]

/** `wrong`: one sentence for each value that cannot be. Names that there are not count as right: they are told together. */
export function sorted(pairs: readonly Pair[]): { right: Pair[]; wrong: string[] } {
  const wrong: string[] = []
  const right = pairs.filter((pair) => {
    try {
      parseParameters([pair])
      return true
    } catch (thrown) {
      wrong.push(wrongSetting(reviveError(thrown).message))
      return false
    }
  })
  return { right, wrong }
}
