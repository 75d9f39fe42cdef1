/** What the page says while files are on their way. */
import { describe, expect, test } from 'vitest'
import { Progress, downloadLine } from '../../../../src/state/run/progress.svelte'

const file = (name: string, loaded: number, bytesPerSecond: number | null = null) => ({
  type: 'download' as const,
  file: name,
  loaded,
  total: 1000e6,
  fromCache: false,
  bytesPerSecond,
})

describe('downloads', () => {
  test('run side by side, each with its rate, and leave when they are whole', () => {
    const progress = new Progress()
    progress.begin()
    expect(progress.downloaded).toBeNull()
    progress.engine(file('a', 100e6, 5e6))
    progress.engine(file('b', 300e6, 20e6))
    progress.engine(file('a', 200e6, 6e6))
    expect(progress.downloads.map(downloadLine)).toEqual(
      ['a, 200 MB of 1 GB, 6 MB/s', 'b, 300 MB of 1 GB, 20 MB/s'].map(
        (line) => expect.stringMatching(new RegExp(line.replaceAll(/(\d+)/g, '$1(\\.0+)?'))) as unknown,
      ),
    )
    expect(progress.downloaded).toBeCloseTo(0.25)
    expect(progress.doing).toMatch(/^Downloading a, 200 MB/)
    progress.engine(file('a', 1000e6))
    expect(progress.downloads.map(({ file: name }) => name)).toEqual(['b'])
    progress.engine(file('b', 1000e6))
    expect(progress.downloaded).toBeNull()
  })

  test('without a rate say none', () => {
    expect(downloadLine({ ...file('a', 10e6), fromCache: false })).toMatch(/^a, 10(\.0)? MB of 1(\.0+)? GB$/)
  })
})
