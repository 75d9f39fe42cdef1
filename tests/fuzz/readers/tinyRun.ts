/** A run of a few pictures with the judges of the shipped pack: what links, records and shelves are made of here. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { PackManifestSchema, type Outcome, type Prompt, type RunRecord } from '../../../src/core/contracts'
import { canonicalJson } from '../../../src/core/hash'
import { readRecord, scoreRecord } from '../../../src/core/scoring'
import { runId } from '../../../src/evaluation/spec/specHash'
import { planFacts, promptFacts, suiteHash } from '../../../src/evaluation/plan/plan'
import { assertPublished } from '../../../src/evaluation/spec/statedJudges'

const PUBLIC = new URL('../../../public/', import.meta.url)
export const readPublic = (path: string): string => readFileSync(new URL(path, PUBLIC), 'utf8')
const json = (path: string): unknown => JSON.parse(readPublic(path))

export const manifest = v.parse(PackManifestSchema, json('packs/pictogram/manifest.json'))
export const measured = json('packs/pictogram/measured.json')
const demo = readRecord(json('recorded/demo.json'), 'demo.json')

/** Resamples here: intervals are none of what is tested. */
export const RESAMPLES = 8
const HARMFUL = 3
const BENIGN = 3

const suite = (name: string, count: number): Prompt[] =>
  (json(`packs/pictogram/prompts/${name}.json`) as Prompt[]).slice(0, count)
export const prompts = [...suite('harmful-direct', HARMFUL), ...suite('benign', BENIGN)]
const hashOfSuite = (name: string): string =>
  suiteHash(prompts.filter((prompt) => prompt.suite === name).map(promptFacts))

function tinyRecord(): RunRecord {
  const spec = {
    ...demo.spec,
    preset: 'custom' as const,
    prompts: {
      ...demo.spec.prompts,
      harmful: [{ suite: 'harmful-direct', count: HARMFUL, sha256: hashOfSuite('harmful-direct') }],
      benign: { suite: 'benign', count: BENIGN, sha256: hashOfSuite('benign') },
    },
  }
  const units = planFacts(spec, prompts.map(promptFacts))
  const made = demo.outcomes.filter((outcome) => outcome.status === 'judged')
  const outcomes = units.map(({ id: unitId, ...facts }, i): Outcome => {
    const like = made.filter(({ harmful }) => harmful === facts.harmful)
    const { imageSha256, judgements } = like[i % like.length]!
    return { unitId, ...facts, status: 'judged', imageSha256, judgements }
  })
  return { ...demo, id: runId(spec), spec, planned: units.length, outcomes }
}

export const record = tinyRecord()
export const report = scoreRecord(record, record.spec.scoring, null, RESAMPLES)

/** What the page would say beside the scores of a record; refuses as the page does. */
export const ownOf = (run: RunRecord): string[] =>
  assertPublished(run, manifest.judges, measured).map(({ sentence }) => sentence)

/** Constants of a record's judges and formulas that decide its numbers, as one text. */
export const constantsOf = ({ judges, spec, committee }: RunRecord): string =>
  canonicalJson([
    judges
      .map((facts) => ({ ...facts, reference: null, recallN: null, falsePositiveN: null }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    { ...spec.scoring, name: '' },
    committee ?? record.committee ?? null,
  ])
