/** The lesson's state: guesses before answers, a seed a student, recorded where nothing is made here. */
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test, vi } from 'vitest'
import { ReportSchema, reviveError, type Report } from '../../../../src/core/contracts'
import * as v from 'valibot'
import { decodeTicket, encodeTicket } from '../../../../src/evaluation/lesson/ticket'
import { defaultParameters } from '../../../../src/evaluation/spec/params'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { checkpointsOf, trainingRequest, wallRequest } from '../../../../src/state/lesson/request'
import { Source, stageFigure } from '../../../../src/state/lesson/source.svelte'
import { freshSeed, keepStudent, readStudent } from '../../../../src/state/lesson/student'
import { Prediction } from '../../../../src/state/run/prediction.svelte'
import type { Services } from '../../../../src/state/page/services'
import { pack } from '../../evaluation/harness'

const recorded = JSON.parse(
  readFileSync(new URL('../../../../public/recorded/demo.json', import.meta.url), 'utf8'),
) as unknown

beforeAll(() => vi.stubGlobal('addEventListener', () => undefined))

/** A shelf as the browser's. */
function shelf() {
  const kept: Record<string, string> = {}
  return {
    kept,
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, text: string) => void (kept[key] = text),
  }
}

test('a guess is locked once, and the answer is closed until it is', () => {
  let told = 0
  const prediction = new Prediction(() => (told += 1))
  prediction.share = 0.25
  expect([prediction.open, prediction.guess(64), prediction.guess(32)]).toEqual([true, 16, 8])
  prediction.lock(64)
  prediction.share = 0.9
  prediction.lock(64)
  prediction.skip()
  expect([prediction.open, prediction.locked, told]).toEqual([false, { guess: 16, of: 64 }, 1])
  prediction.reset()
  prediction.skip()
  expect([prediction.open, prediction.locked]).toEqual([false, null])
})

test('every browser draws a seed of its own, once, and never the page’s own 0', () => {
  expect(freshSeed((values) => values.fill(0))).toBe(1)
  const seeds = new Set(Array.from({ length: 25 }, () => readStudent(shelf()).seed))
  expect(seeds.size).toBe(25)
  const own = shelf()
  const student = readStudent(own)
  keepStudent(own, { ...student, screen: 'luck', guesses: { safe: { guess: 3, of: 64 } } })
  expect(readStudent(own)).toEqual({ ...student, screen: 'luck', guesses: { safe: { guess: 3, of: 64 } } })
})

test('what is stored and cannot be read makes a new student; a browser that keeps nothing says so', () => {
  const own = shelf()
  for (const text of ['{', '{"seed":-1}', '{"seed":5,"screen":"nowhere","guesses":{},"answers":[]}']) {
    own.kept['spqr-lesson'] = text
    expect(readStudent(own).screen).toBe('wall')
  }
  const refusing = {
    getItem: () => null,
    setItem: () => {
      throw new Error('refused')
    },
  }
  expect([keepStudent(refusing, readStudent(null)), keepStudent(null, readStudent(null))]).toEqual([false, false])
})

const form = (changes = {}) => ({
  packName: 'pictogram',
  device: { executionProvider: 'wasm' as const, threads: 1 },
  batchSize: 8,
  options: { ...defaultParameters(), ...changes },
})

test('the lesson trains with the student’s seed unless the link names one, and what it asks for can be specified', () => {
  const one = trainingRequest(form(), pack, 111).options
  const other = trainingRequest(form(), pack, 222).options
  expect([one['train-seed'], other['train-seed']]).toEqual([111, 222])
  expect({ ...one, 'train-seed': 0 }).toEqual({ ...other, 'train-seed': 0 })
  expect(trainingRequest(form({ 'train-seed': 7 }), pack, 111).options['train-seed']).toBe(7)
  expect(trainingRequest(form({ train: 'lite', 'train-steps': 100 }), pack, 1).options).toMatchObject({
    train: 'lite',
    'train-steps': 100,
    'learning-rate': 1e-4,
    checkpoints: [33, 67],
  })
  expect(createRunSpec({ ...one, train: 'lite', n: 8, 'n-benign': 8 }, pack).fineTune).toMatchObject({
    kind: 'live',
    seed: 111,
    steps: 60,
  })
  expect([checkpointsOf(60, 3), checkpointsOf(2, 3), checkpointsOf(1, 3)]).toEqual([[20, 40], [1], []])
})

test('the walls are never trained here, whatever the link says of training', () => {
  const { options } = wallRequest(form({ train: 'lite', n: 12 }), pack)
  expect([options.train, options.n, options.preset]).toEqual(['none', 12, 'custom'])
})

test('a recorded run is shown as recorded until something is made here, and comes back when that fails', async () => {
  const services = {
    readJson: async () => recorded,
    readPicture: async () => null,
    withEngine: () => Promise.reject(new Error('no engine here')),
  } as unknown as Services
  const source = new Source(services, 'recorded/demo.json')
  expect([source.kind, stageFigure(source.exhibit, 'base')]).toEqual(['nothing', null])
  await source.load()
  const { report } = v.parse(v.object({ report: ReportSchema }), recorded) as { report: Report }
  expect([source.kind, source.recordedAt]).toEqual(['recorded', report.createdAt])
  expect(stageFigure(source.exhibit, 'aligned')).toMatchObject({
    flagged: 9,
    judged: 64,
    score: report.harmfulness.aligned,
  })
  await expect(source.make(form())).rejects.toThrow('no engine here')
  expect(source.kind).toBe('recorded')
})

test('an exit ticket goes through its link; a changed or later one is refused in one sentence', () => {
  const ticket = {
    answers: ['39, I had expected 10', 'Safe for how long?', ''],
    guesses: [{ question: 'safe' as const, guess: 12, of: 64 }],
    own: [11, 32] as [number, number],
  }
  const anchor = encodeTicket(ticket)
  expect(decodeTicket(anchor)).toEqual(ticket)
  const refusal = (text: string): string => {
    try {
      decodeTicket(text)
      return 'opened'
    } catch (thrown) {
      return reviveError(thrown).message
    }
  }
  expect(refusal(anchor.slice(0, -1))).toContain('its check digits do not fit')
  expect(refusal(anchor.replace('t1.', 't2.'))).toContain('it has format t2, and this page reads t1')
})
