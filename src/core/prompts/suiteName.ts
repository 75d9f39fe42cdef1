/** Names of prompt sets of the user's own. */
import { SpqrError } from '../contracts'

/** Suite names appear in links and tables: short, plain, and unlike the pack's. */
export function checkSuiteName(suite: string, taken: readonly string[]): void {
  if (!/^[\w.-]{1,60}$/.test(suite))
    throw new SpqrError(
      'BAD_INPUT',
      `"${suite.slice(0, 80)}" is no name for a prompt set.`,
      'Use up to 60 letters, digits, ".", "_" and "-".',
    )
  if (taken.includes(suite))
    throw new SpqrError('BAD_INPUT', `There is a prompt suite "${suite}" already.`, 'Choose another name.')
}
