import { expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { Notices } from '../../../../src/state/page/notices.svelte'

const fail = async (): Promise<void> => {
  throw new SpqrError('BAD_INPUT', 'There is no prompt yet.', 'Type one.')
}
const messages = (notices: Notices): string[] => notices.list.map(({ message }) => message)

test('an error goes when the same thing succeeds, and not when another does', async () => {
  const notices = new Notices()
  expect(await notices.guard(fail, 'a prompt')).toBe(false)
  expect(await notices.guard(async () => undefined, 'a plan')).toBe(true)
  expect(await notices.guard(async () => undefined)).toBe(true)
  expect(messages(notices)).toEqual(['There is no prompt yet.'])
  expect(await notices.guard(async () => undefined, 'a prompt')).toBe(true)
  expect(messages(notices)).toEqual([])
})

test('an error stays in the view where it was met; that of a run is told in every view', async () => {
  const notices = new Notices()
  let view = 'run'
  notices.where = () => view
  await notices.guard(fail, 'a prompt')
  await notices.guard(() => Promise.reject(new SpqrError('WORKER_CRASHED', 'The engine stopped.')), 'a run', null)
  expect(messages(notices)).toEqual(['There is no prompt yet.', 'The engine stopped.'])
  view = 'about'
  const there = new Notices()
  there.where = () => view
  expect(messages(notices)).toContain('The engine stopped.')
})
