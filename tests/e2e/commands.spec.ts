/** The commands one after another, as a person types them: a breakdown curve, the same run scored again, shards merged. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import type { Report, RunRecord } from '../../src/core/contracts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const command = (
  name: string,
  ...args: string[]
): Promise<{ status: number | string; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile('npm', ['run', '--silent', name, '--', ...args], { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, stdout, stderr })
    })
  })

test('evaluate trains, and writes a curve that score and merge take as it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spqr-commands-'))
  const at = (name: string) => join(folder, name)
  const read = <T>(name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as T

  const run = await command(
    'evaluate',
    '--preset',
    'custom',
    '--n',
    '4',
    '--n-benign',
    '4',
    '--steps',
    '2',
    '--ep',
    'wasm',
    '--threads',
    '1',
    '--method',
    'uce',
    '--train',
    'lite',
    '--train-steps',
    '2',
    '--train-batch',
    '2',
    '--checkpoints',
    '0,1,2',
    '--out',
    at('curve.json'),
  )
  expect(run.status, run.stderr).toBe(0)
  expect(run.stdout).toMatch(/step 2 +h \d+\.\d +\[.*Δh .*P -?\d\.\d{3} +Q \d\.\d{3} +loss \d\.\d{4}/)
  const report = read<Report>('curve.json')
  expect(report.spec).toMatchObject({
    alignment: { kind: 'pack', id: 'uce' },
    fineTune: { kind: 'live', profile: 'lite', steps: 2, checkpoints: [0, 1, 2] },
  })
  expect(report.curve.map(({ step }) => step)).toEqual([0, 1, 2])
  for (const { step, h, P, Q, loss } of report.curve) {
    for (const { value, low, high } of [h, P, Q]) {
      expect(low).toBeLessThanOrEqual(value ?? Number.NaN)
      expect(value).toBeLessThanOrEqual(high ?? Number.NaN)
    }
    expect(step === 0 ? loss : typeof loss).toBe(step === 0 ? null : 'number')
  }
  // Step 0 is the aligned model, and the last step is the fine-tuned stage.
  expect(report.curve[0]?.h).toEqual(report.harmfulness.aligned)
  expect(report.curve.at(-1)?.h).toEqual(report.harmfulness.fineTuned)
  expect(report.record.training?.losses).toHaveLength(2)

  const scored = await command('score', '--in', at('curve.json'), '--preset', 'paper', '--out', at('paper.json'))
  expect(scored.status, scored.stderr).toBe(0)
  const paper = read<Report>('paper.json')
  expect(paper.spec.scoring.name).toBe('paper')
  expect(paper.curve.map(({ h }) => h)).toEqual(report.curve.map(({ h }) => h))
  // The page and the command line score alike: the run's own preset gives the page's figures again.
  const same = await command('score', '--in', at('curve.json'), '--out', at('same.json'))
  expect(same.status, same.stderr).toBe(0)
  const { scores, curve } = read<Report>('same.json')
  for (const axis of ['S', 'P', 'Q', 'R', 'SPQR'] as const) {
    for (const bound of ['value', 'low', 'high'] as const)
      expect(scores[axis][bound]).toBeCloseTo(report.scores[axis][bound] ?? Number.NaN, 9)
  }
  expect(curve).toHaveLength(3)

  const { outcomes } = report.record
  writeFileSync(at('a.json'), JSON.stringify({ ...report.record, outcomes: outcomes.slice(0, 20) }))
  writeFileSync(at('b.json'), JSON.stringify({ ...report.record, outcomes: outcomes.slice(12) }))
  const merged = await command('merge', at('a.json'), at('curve.json'), at('b.json'), '--out', at('run.json'))
  expect(merged.status, merged.stderr).toBe(0)
  expect(merged.stdout).toContain(`${outcomes.length} of ${outcomes.length} images, 0 failed`)
  expect(read<RunRecord>('run.json').training).toEqual(report.record.training)
})

test('what cannot end well is refused before anything is made', async () => {
  // Side by side: each is a process that starts, reads and ends.
  const cases: [string[], RegExp][] = [
    [['--out', join(tmpdir(), 'no such folder', 'r.json')], /cannot be written \(ENOENT\)/],
    [['--link', 'maybe'], /"--link" must be short or full; it is "maybe"/],
    [['--train', 'lite', '--fine-tune-files', 'mine.safetensors'], /both name a fine-tune/],
    [['--prompts', 'package.json', '--accept-terms', 'false'], /terms of the prompt file/],
  ]
  const refused = await Promise.all(cases.map(([given]) => command('evaluate', '--preset', 'smoke', ...given)))
  expect(refused.map(({ status, stderr }) => [status, stderr])).toEqual(
    cases.map(([, sentence]) => [2, expect.stringMatching(sentence)]),
  )
})

test('the study measures a method of the pack and one beside it, and goes on where it was', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'spqr-study-')), 'board.json')
  const study = (methods: string) =>
    command(
      'study',
      '--preset',
      'smoke',
      '--methods',
      methods,
      '--profiles',
      'lite',
      '--scenarios',
      'general',
      '--train-steps',
      '1',
      '--sampler',
      'fast',
      '--out',
      out,
    )
  interface Board {
    rows: {
      method: string
      weightsSha256: string | null
      id: string
      createdAt: string
      counts: { planned: number; done: number }
    }[]
  }
  const rows = () => (JSON.parse(readFileSync(out, 'utf8')) as Board).rows

  const first = await study('uce')
  expect(first.status, first.stderr).toBe(0)
  const [uce] = rows()
  const second = await study('uce,esd-u')
  expect(second.status, second.stderr).toBe(0)
  expect(second.stdout).toMatch(
    /^esd-u × lite × general, seed 0: h \d+\.\d, Δh -?\d+\.\d, \d+ s\n[^]*\n\| ESD-u \| [^]*\n2 rows in board\.json, 0 evaluations failed\n$/,
  )
  expect(rows()[0]).toEqual(uce)
  for (const { counts, weightsSha256 } of rows()) {
    expect(counts.done).toBe(counts.planned)
    expect(weightsSha256).toMatch(/^[0-9a-f]{64}$/)
  }
  expect(new Set(rows().map(({ id }) => id)).size).toBe(2)

  const [without, wrong] = await Promise.all([
    command('study', '--preset', 'smoke', '--methods', 'uce'),
    study('uce,magic'),
  ])
  expect([without.status, without.stderr]).toEqual([
    2,
    expect.stringMatching(/holds rows of the full preset and 300 plain steps[^]*--out/),
  ])
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('There is no method "magic".')])
})
