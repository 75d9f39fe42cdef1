import { expect, test } from 'vitest'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { SetUp, searchWith } from '../../../../src/state/page/setUp'
import { Settings } from '../../../../src/state/settings/settings.svelte'

function opened(search: string): { settings: Settings; setUp: SetUp } {
  const settings = new Settings(new PackInfo(), {} as Services)
  settings.readQuery(search)
  return { settings, setUp: new SetUp(settings, search) }
}

test('the address stays as it was written until a setting changes, then holds what differs from the defaults', () => {
  const { settings, setUp } = opened('?lang=en&threads=1&preset=quick')
  expect(setUp.search).toBe('?lang=en&threads=1&preset=quick')
  settings.set('method', 'uce')
  settings.set('profile', 'lite')
  expect(setUp.search).toBe('?lang=en&method=uce&profile=lite&threads=1')
  setUp.wrote(setUp.search)
  settings.reset()
  expect(setUp.search).toBe('?lang=en')
  expect(setUp.address('https://example.org/spqr/?preset=smoke#run')).toBe('https://example.org/spqr/')
})

test('settings follow an address that Back brings, and its copy gives them again', () => {
  const { settings, setUp } = opened('')
  settings.set('model', 'hf:owner/name@main/unet')
  settings.set('judges', 'a,b')
  const written = setUp.search
  expect(written).toBe('?judges=a,b&model=hf:owner/name@main/unet')
  setUp.wrote(written)
  expect(setUp.isNew('')).toBe(true)
  setUp.follow('')
  expect([settings.values.model, settings.values.judges]).toEqual(['', []])
  expect(setUp.search).toBe('')
  setUp.follow(written)
  expect(opened(new URL(setUp.address('https://example.org/')).search).settings.query).toBe(settings.query)
})

test('a wrong value is told in one sentence, and the others count', () => {
  const settings = new Settings(new PackInfo(), {} as Services)
  expect(() => settings.readQuery('?steps=many&preset=smoke')).toThrow(
    'Drawing steps must be a whole number from 1 to 1000; it is "many".',
  )
  expect([settings.values.preset, settings.values.steps]).toEqual(['smoke', null])
  const setUp = new SetUp(settings, '?steps=many&preset=smoke')
  expect(setUp.search).toBe('?steps=many&preset=smoke')
  settings.set('seed', '3')
  expect(setUp.search).toBe('?preset=smoke&seed=3')
})

test('what is no setting stays where it is', () => {
  expect(searchWith('?lesson=1&preset=smoke&lock=method', '?preset=full')).toBe('?lesson=1&lock=method&preset=full')
})
