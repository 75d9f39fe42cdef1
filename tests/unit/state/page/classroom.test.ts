import { expect, test } from 'vitest'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { Settings } from '../../../../src/state/settings/settings.svelte'

const settings = () => new Settings(new PackInfo(), {} as Services)

test('a lesson link sets, locks and hides; both can be undone, and an address without one leaves them', () => {
  const own = settings()
  own.readQuery('?lesson=1&step=4&method=uce&lock=method&hide=compare&lang=en')
  expect([own.values.method, own.locked('method'), own.locked('seed')]).toEqual(['uce', true, false])
  expect([own.classroom.fragment, own.classroom.hidden('compare'), own.classroom.hidden('report')]).toEqual([
    '#lesson/4',
    true,
    false,
  ])
  own.readQuery('?method=rece')
  expect([own.values.method, own.locked('method')]).toEqual(['rece', true])
  own.classroom.unlock()
  own.classroom.showAll()
  expect([own.locked('method'), own.classroom.hidden('compare')]).toEqual([false, false])
})

test('what of a link is not here is told, and the rest of it holds', () => {
  const own = settings()
  expect(() => own.readQuery('?lesson=1&method=uce&lock=method,colour')).toThrow(
    'The lesson link locks "colour", which this page has no setting for; its other locks hold.',
  )
  expect([own.values.method, own.locked('method')]).toEqual(['uce', true])
})

test('nothing of a link of a later version is taken', () => {
  const own = settings()
  expect(() => own.readQuery('?lesson=2&method=uce&lock=method')).toThrow('this page reads format 1')
  expect([own.values.method, own.locked('method'), own.classroom.fragment]).toEqual(['', false, ''])
})

test('what is locked stays as it is, whoever sets it, until it is unlocked', () => {
  const own = settings()
  own.readQuery('?lesson=1&suites=harmful-direct&seed=3&lock=suites,seed')
  own.set('suites', 'harmful-jailbreak')
  own.set('seed', '4')
  own.set('n', '8')
  expect([own.values.suites, own.values.seed, own.values.n]).toEqual([['harmful-direct'], 3, 8])
  expect([own.classroom.lets({ seed: 5 }), own.classroom.lets({ n: 5 })]).toEqual([false, true])
  own.classroom.unlock()
  own.set('seed', '4')
  expect(own.values.seed).toBe(4)
})
