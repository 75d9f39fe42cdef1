/** Harmless neighbours from `--suites` to the Report, a stored run and a link, and back. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import {
  RevisionsSchema,
  conceptName,
  partnerId,
  withRevisions,
  type Judgement,
  type UnitResult,
} from '../../../../src/core/contracts'
import { assertPlanned, scoreRecord } from '../../../../src/core/scoring'
import { plan } from '../../../../src/evaluation/plan/plan'
import { runsCsv, samplesCsv } from '../../../../src/evaluation/publish/csv'
import { decodeLink, encodeLink } from '../../../../src/evaluation/share/share'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import { createRunSpec, runId } from '../../../../src/evaluation/spec/spec'
import { namedIn } from '../../../../src/runtime/judges/names'
import { manifest as shipped, packJson, recipePack } from '../../../helpers/pictogram'
import { FakeEngine, referenceFeatures } from '../fixture'
import { harness, pack as fixture } from '../harness'

const manifest = withRevisions(shipped, v.parse(RevisionsSchema, packJson('revisions.json')))
const pictogram = recipePack({ manifest })
const twin = createRunSpec({ preset: 'smoke', method: 'uce', profile: 'lite', suites: ['benign-neighbour'] }, pictogram)

describe('the suite benign-neighbour of pictogram', () => {
  const of = (suite: string) => pictogram.prompts.filter((prompt) => prompt.suite === suite)
  const [harmful, neighbours] = [of('harmful-direct'), of('benign-neighbour')]

  test('has a harmless neighbour of its own for every harmful prompt, in the same words but for the thing', () => {
    expect(neighbours.map(({ id }) => partnerId(id))).toEqual(harmful.map(({ id }) => id))
    const forbidden = new Set(harmful.map(({ concept }) => concept))
    const pairs = new Map(harmful.map(({ concept }, i) => [concept, neighbours[i]?.concept]))
    expect(new Set(pairs.values()).size).toBe(forbidden.size)
    neighbours.forEach(({ concept, text }, i) => {
      expect(forbidden.has(concept)).toBe(false)
      expect(concept).toBe(pairs.get(harmful[i]?.concept ?? ''))
      const shared = text.split(' ').filter((word) => harmful[i]?.text.split(' ').includes(word))
      expect(shared.length).toBeGreaterThan(0)
    })
  })

  test('is told by the names of all 200 concepts', () => {
    const unit = { suite: 'benign-neighbour', harmful: false, concept: 'pool-8-ball' }
    expect(namedIn(pictogram, unit).named?.own).toBe('pool 8 ball')
    expect(namedIn(pictogram, unit).named?.names).toHaveLength(200)
    expect(namedIn(pictogram, { ...unit, suite: 'benign' })).toEqual({})
    // Those of all suites, beside the manifest too, are the same: no rank has moved since they were taken from all.
    const every = pictogram.prompts.flatMap(({ concept }) => (concept === null ? [] : [conceptName(concept)]))
    for (const { concept } of neighbours) {
      const { names } = namedIn(pictogram, { ...unit, concept }).named ?? {}
      expect(names).toEqual([...new Set(every)].sort())
    }
  })

  test('is told by no name that only a suite beside the manifest has, but its own', () => {
    const [one] = neighbours
    if (!one) throw new Error('no neighbour')
    const odd = { ...one, id: 'odd', concept: 'some-odd-thing' }
    const more = { ...pictogram, prompts: [...pictogram.prompts, odd] }
    const namesOf = (concept: string | null) =>
      namedIn(more, { suite: 'benign-neighbour', harmful: false, concept }).named?.names
    expect(namesOf(one.concept)).toHaveLength(200)
    expect(namesOf(odd.concept)).toHaveLength(201)
    expect(namesOf(odd.concept)).toContain('some odd thing')
  })
})

describe('a run with neighbours', () => {
  test('takes the partner suite, draws the neighbours at base and aligned, and from the noise of their partners', () => {
    const { harmful, neighbours, benign } = twin.prompts
    expect(harmful.map(({ suite, count }) => [suite, count])).toEqual([['harmful-direct', 8]])
    expect([neighbours?.suite, neighbours?.of, neighbours?.count, benign.suite]).toEqual([
      ...['benign-neighbour', 'harmful-direct', 8, 'benign'],
    ])
    const units = plan(twin, pictogram.prompts)
    const drawn = units.filter(({ suite }) => suite === 'benign-neighbour')
    expect(drawn.map(({ stage }) => stage).toSorted()).toEqual([
      ...new Array<string>(8).fill('aligned'),
      ...new Array<string>(8).fill('base'),
    ])
    for (const unit of drawn) {
      const partner = units.find(({ stage, promptId }) => stage === unit.stage && promptId === partnerId(unit.promptId))
      expect(unit.seed).toBe(partner?.seed)
    }
  })

  test('leaves the pictures of a run without them what they are', () => {
    const plain = createRunSpec({ preset: 'smoke', method: 'uce', profile: 'lite' }, pictogram)
    const ids = new Set(plan(twin, pictogram.prompts).map(({ id }) => id))
    expect(plan(plain, pictogram.prompts).every(({ id }) => ids.has(id))).toBe(true)
    expect(runId(plain)).not.toBe(runId(twin))
  })

  test('goes into the parameters of a short link and comes back', () => {
    const parameters = parametersOf(twin, pictogram)
    expect(parameters?.suites).toContain('benign-neighbour')
    expect(runId(createRunSpec(parameters ?? {}, pictogram))).toBe(runId(twin))
  })

  test('is refused without the harmful prompts that they are paired with', () => {
    expect(() =>
      createRunSpec({ profile: 'lite', suites: ['benign-neighbour', 'harmful-implicit'] }, pictogram),
    ).toThrow(
      'The prompts of "benign-neighbour" are paired with those of "harmful-direct", which this run does not take.',
    )
  })
})

/** The fixture's pack with twins of its harmful suite, and an engine that names them as it likes. */
const twins = fixture.prompts
  .filter(({ suite }) => suite === 'harmful-direct')
  .map((prompt, i) => ({
    ...prompt,
    ...{ id: `${prompt.id}-neighbour`, text: `harmless ${i}`, suite: 'twins', concept: `twin-${i}` },
  }))
const file = { path: 'twins.json', bytes: 1, sha256: '1'.repeat(64) }
const paired = {
  ...fixture,
  prompts: [...fixture.prompts, ...twins],
  manifest: {
    ...fixture.manifest,
    prompts: [
      ...fixture.manifest.prompts,
      { suite: 'twins', harmful: false, languages: ['en'], count: twins.length, file, neighbourOf: 'harmful-direct' },
    ],
  },
}
class Namer extends FakeEngine {
  override async run(units: Parameters<FakeEngine['run']>[0]): ReturnType<FakeEngine['run']> {
    const batch = await super.run(units)
    const results = batch.results.map((result, i): UnitResult => {
      const clip = result.status === 'judged' ? result.judgements.clip : undefined
      if (units[i]?.suite !== 'twins' || result.status !== 'judged' || clip?.kind !== 'clip') return result
      const named: Judgement = { ...clip, rank: 1 + ((units[i]?.seed ?? 0) % 3 === 0 ? 0 : (units[i]?.seed ?? 0) % 2) }
      return { ...result, judgements: { ...result.judgements, clip: named } }
    })
    return { ...batch, results }
  }
}

test('a stored run, a full link and the tables keep the ranks and give the same figures', async () => {
  const spec = createRunSpec({ preset: 'smoke', n: 12, 'n-benign': 16, suites: ['twins'] }, paired)
  const { start } = harness({ engine: new Namer() })
  const report = await start(spec, undefined, paired)
  expect(report.calibration?.pairs).toBe(12)
  expect(report.counts.planned).toBe(12 * 5 + 16)
  expect(() => assertPlanned(report.record, 'The run')).not.toThrow()

  const link = encodeLink(report, paired.prompts)
  const opened = await decodeLink(link, {
    score: scoreRecord,
    reference: () => Promise.resolve(referenceFeatures()),
    resamples: 50,
  })
  expect(opened.report.calibration).toEqual(report.calibration)
  expect(samplesCsv([report])).toContain('clip: place among names')
  expect(runsCsv([report])).toContain('neighbours_lost')

  const forged = { ...report.record, outcomes: report.record.outcomes.map((one) => ({ ...one })) }
  const neighbour = forged.outcomes.find(({ suite }) => suite === 'twins')
  if (neighbour) neighbour.seed += 1
  expect(() => assertPlanned(forged, 'The file')).toThrow('is not of the noise')
})
