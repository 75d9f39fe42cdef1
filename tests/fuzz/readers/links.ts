/** Result links: as they come, with check digits that fit a changed content, and short ones; lesson links, tickets, tallies. */
import { deflateSync, gzipSync, strFromU8, strToU8 } from 'fflate'
import { sha256Hex } from '../../../src/core/hash'
import { scoreRecord } from '../../../src/core/scoring'
import { readLessonLink, splitLesson } from '../../../src/evaluation/lesson/lessonLink'
import { pooledStage, withTally } from '../../../src/evaluation/lesson/pool'
import { tallyOfReport, type Tally } from '../../../src/evaluation/lesson/tally'
import { decodeTicket, encodeTicket } from '../../../src/evaluation/lesson/ticket'
import { CHECK_DIGITS, readLinkParts } from '../../../src/evaluation/share/mangled'
import { decodeLink, encodeLink, type OpenedLink } from '../../../src/evaluation/share/share'
import { fromBase64Url, inflateBounded, toBase64Url } from '../../../src/evaluation/share/shareBytes'
import { HEADER_DICTIONARY } from '../../../src/evaluation/share/shareDictionary'
import { readPayload } from '../../../src/evaluation/share/sharePayload'
import { decodeShortLink, type Claim } from '../../../src/evaluation/share/shortLink'
import { parseParameters, queryPairs } from '../../../src/evaluation/spec/params'
import { changeText } from '../mutate'
import type { Reader } from '../reader'
import { jsonReader, same, unfinished } from './json'
import { constantsOf, ownOf, prompts, readPublic, record, report, RESAMPLES } from './tinyRun'

const checked = (kind: string, bytes: Uint8Array): string =>
  `#${kind}.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, CHECK_DIGITS)}`

/** gzip of a text, as version 0.1.0 packed its links. */
const pack = (text: string): Uint8Array => gzipSync(strToU8(text), { level: 9, mtime: 0 })

const second = encodeLink(report, prompts)
/** The same run as version 0.1.0 wrote links. */
function firstFormat(): string {
  const { spec, createdAt, environment, timings, judges, training, scoringRule, committee, scores, ...rest } =
    readPayload(second)
  const facts = { spec, createdAt, environment, timings, judges, training, scoringRule, committee, scores }
  return JSON.stringify({ v: 1, ...facts, prompts: rest.prompts, outcomes: rest.outcomes })
}
const firstText = firstFormat()
const full = [second, checked('v1', pack(firstText))]

const open = (link: string): Promise<OpenedLink> =>
  decodeLink(link, {
    score: (run, preset) => scoreRecord(run, preset, null, RESAMPLES),
    reference: () => Promise.resolve(null),
    prompts,
    resamples: RESAMPLES,
  })
const opened = await Promise.all(full.map(open))

export const fullLinks: Reader = {
  name: 'links',
  seeds: full.length,
  make: (seed, list) => changeText(full[seed]!, list),
  read: (input) => open(input as string),
  different: (result, _, seed) => !same((result as OpenedLink).report.record, opened[seed]!.report.record),
}

/** The parts of a link of format v2: its header as JSON, and the bytes behind it. */
function parts(): { header: string; rest: Uint8Array } {
  const bytes = fromBase64Url(readLinkParts(second).body)!
  const end = 3 + bytes[0]! * 65536 + bytes[1]! * 256 + bytes[2]!
  return {
    header: strFromU8(inflateBounded(bytes.subarray(3, end), 1e7, HEADER_DICTIONARY)),
    rest: bytes.slice(end),
  }
}
const { header, rest } = parts()

function forged(text: string, seed: number): string {
  if (seed === 1) return checked('v1', pack(text))
  const packed = deflateSync(strToU8(text), { dictionary: HEADER_DICTIONARY })
  return checked(
    'v2',
    Uint8Array.from([...[16, 8, 0].map((shift) => (packed.length >> shift) & 255), ...packed, ...rest]),
  )
}

/** Check digits that fit: other judges and constants must be refused or said. Another sample is another run. */
export const forgedLinks = jsonReader({
  name: 'forged links',
  texts: [header, firstText],
  wrap: forged,
  read: async (link) => {
    const { report: shown } = await open(link)
    return { record: shown.record, own: ownOf(shown.record) }
  },
  different: (result) => {
    const { record: run, own } = result as { record: typeof record; own: string[] }
    return unfinished(run) || (own.length === 0 && !same(constantsOf(run), constantsOf(record)))
  },
})

const shortTexts = (JSON.parse(readPublic('recorded/class.json')) as { links: string[] }).links.slice(0, 3)
const shorts = shortTexts.map((link) => decodeShortLink(readLinkParts(link)))
export const shortLinks: Reader = {
  name: 'short links',
  seeds: shortTexts.length,
  make: (seed, list) => changeText(shortTexts[seed]!, list),
  read: (input) => decodeShortLink(readLinkParts(input as string)),
  different: (result, _, seed) => !same(result, shorts[seed]),
}
export const forgedClaims = jsonReader({
  name: 'forged short links',
  texts: shortTexts.map((link) => strFromU8(inflateBounded(fromBase64Url(readLinkParts(link).body)!, 1e6))),
  wrap: (text) => checked('s1', deflateSync(strToU8(text))),
  read: (link) => decodeShortLink(readLinkParts(link)),
  different: (result) =>
    unfinished(result) || Object.values((result as Claim).counts).some((n) => Array.isArray(n) && n[0] < 0),
})

const lessons = [
  'lesson=1&step=4&lock=method,train&hide=compare&preset=quick&n=8',
  'lesson=1&lock=alignment&hide=settings,about&train=lite&train-steps=20&concepts=a%2Cb',
]
export const lessonLinks: Reader = {
  name: 'lesson links and addresses',
  seeds: lessons.length,
  make: (seed, list) => changeText(lessons[seed]!, list),
  read: (input) => {
    const { lesson, settings } = splitLesson(queryPairs(`?${input as string}`))
    return [lesson.length > 0 && readLessonLink(lesson), parseParameters(settings).values]
  },
  different: (result) => unfinished(result),
}

const ticket = {
  answers: ['one', 'two', 'three'],
  guesses: [{ question: 'safe' as const, guess: 3, of: 8 }],
  own: null,
}
export const tickets = jsonReader({
  name: 'tickets',
  texts: [JSON.stringify(ticket)],
  wrap: (text) => {
    const bytes = deflateSync(strToU8(text))
    return `t1.${toBase64Url(bytes)}.${sha256Hex(bytes).slice(0, 16)}`
  },
  read: decodeTicket,
  different: (result) => unfinished(result) || encodeTicket(result as typeof ticket) === '',
})

const tally = tallyOfReport(report, 'first')
export const tallies = jsonReader({
  name: 'tallies',
  texts: [firstText],
  wrap: (text) => checked('v1', pack(text)),
  read: async (link) => {
    const other = tallyOfReport((await open(link)).report, 'second')
    const pool = withTally(withTally([], tally), { ...other, run: 'f'.repeat(32) })
    return [pool, pooledStage(pool, 'aligned'), pooledStage(pool, 'fineTuned')]
  },
  different: (result) => {
    const [pool, ...stages] = result as [Tally[], ...unknown[]]
    return unfinished(stages) || pool.some(({ recipe }) => recipe !== tally.recipe)
  },
})
