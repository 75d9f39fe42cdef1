/** The recorded class beside a student's own training: the same experiment but for the seed, or the dot would stand apart. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ENOUGH_STUDENTS } from '../../../../src/evaluation/lesson/pool'
import { tallyOfClaim } from '../../../../src/evaluation/lesson/tally'
import { readLinkParts } from '../../../../src/evaluation/share/mangled'
import { decodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { defaultParameters } from '../../../../src/evaluation/spec/params'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { RecordedClass, recipePack } from '../../../../src/state/lesson/recordedClass.svelte'
import { trainingRequest } from '../../../../src/state/lesson/request'
import { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { runId } from '../../../../src/evaluation/spec/specHash'

const file = (path: string): URL => new URL(`../../../../public/${path}`, import.meta.url)
const text = (path: string): string | null => (existsSync(file(path)) ? readFileSync(file(path), 'utf8') : null)
const services = {
  readText: async (path: string) => text(path),
  readJson: async (path: string): Promise<unknown> => JSON.parse(text(path) ?? 'null'),
} as unknown as Services

test('a student who trains as the lesson does stands among the recorded class', async () => {
  const info = new PackInfo()
  await info.load(services, 'pictogram')
  const recorded = new RecordedClass(services, info)
  await recorded.load()
  expect(recorded.tallies.length).toBeGreaterThanOrEqual(ENOUGH_STUDENTS)

  const pack = await recipePack(services, info)
  if (!pack) throw new Error('the pack of the page is not there')
  const device = { executionProvider: 'wasm' as const, threads: 2 }
  const form = { packName: 'pictogram', device, batchSize: 8, options: defaultParameters() }
  const { options } = trainingRequest(form, pack, 77)
  const { links } = JSON.parse(text('recorded/class.json') ?? '{}') as { links: string[] }
  const claim = {
    ...decodeShortLink(readLinkParts(links[0] ?? '')),
    parameters: { ...defaultParameters(), ...options },
    run: runId(createRunSpec(options, pack)),
  }
  expect(tallyOfClaim(claim, pack, 'mine').recipe).toBe(recorded.tallies[0]?.recipe)
})
