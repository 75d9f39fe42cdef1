/** The class's results as they come to the teacher: pasted links, scanned codes, report files. Nothing leaves this machine. */
import * as v from 'valibot'
import { SpqrError, parseJson, reviveError, type ReadableFile, type RunRecord } from '../../core/contracts'
import { checkFileSize } from '../../core/scoring'
import { pooledStage, withTally } from '../../evaluation/lesson/pool'
import { tallyOfClaim, tallyOfReport, type Tally } from '../../evaluation/lesson/tally'
import { readLinkParts } from '../../evaluation/share/mangled'
import { decodeLink } from '../../evaluation/share/share'
import { decodeShortLink } from '../../evaluation/share/shortLink'
import type { PackInfo } from '../page/pack.svelte'
import { checkJudging } from '../share/judging'
import type { Services } from '../page/services'
import { recipePack } from './recordedClass.svelte'
import type { Shelf } from './student'

const KEY = 'spqr-class'
/** Results of one class; more are told and left out. */
export const MOST_STUDENTS = 200

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const CountSchema = v.nullable(
  v.pipe(
    v.tuple([whole, whole]),
    v.check(([flagged, n]) => flagged <= n, 'is no share of its pictures'),
  ),
)
const digits = (length: number) => v.pipe(v.string(), v.regex(/^[0-9a-f]*$/), v.length(length))
const TalliesSchema = v.pipe(
  v.array(
    v.strictObject({
      source: v.pipe(v.string(), v.maxLength(200)),
      run: digits(32),
      recipe: digits(64),
      seed: whole,
      counts: v.strictObject({
        base: CountSchema,
        aligned: CountSchema,
        fineTuned: CountSchema,
        flips: v.tuple([whole, whole]),
        failed: whole,
      }),
      commitment: digits(32),
      recomputable: v.boolean(),
    }),
  ),
  v.maxLength(MOST_STUDENTS),
)

/** One thing that was not counted, and what to do about it. */
export type PoolProblem = Pick<SpqrError, 'message' | 'hint' | 'code'>

export class ClassPool {
  #tallies = $state.raw<readonly Tally[]>([])
  #problems = $state.raw<readonly PoolProblem[]>([])
  #busy = $state(false)
  /** How many links came so far, to name them. */
  #links = 0
  readonly #services: Services
  readonly #pack: PackInfo
  readonly #shelf: Shelf | null

  constructor(services: Services, pack: PackInfo, shelf: Shelf | null) {
    this.#services = services
    this.#pack = pack
    this.#shelf = shelf
    this.#tallies = readClass(shelf)
    this.#links = this.#tallies.length
  }

  get tallies(): readonly Tally[] {
    return this.#tallies
  }
  /** What of the last addition was not counted, one sentence each. */
  get problems(): readonly PoolProblem[] {
    return this.#problems
  }
  get busy(): boolean {
    return this.#busy
  }
  readonly aligned = $derived(pooledStage(this.#tallies, 'aligned'))
  readonly fineTuned = $derived(pooledStage(this.#tallies, 'fineTuned'))

  /** Counts every result link in a text. Returns how many were new. */
  async addText(text: string): Promise<number> {
    const links = linksIn(text)
    if (links.length === 0) {
      this.#problems = [
        new SpqrError(
          'BAD_INPUT',
          'There is no result link in this text.',
          'Paste what “Copy my result” gave, one a line.',
        ),
      ]
      return 0
    }
    return this.#add(links.map((link) => () => this.#tallyOfLink(link, `link ${(this.#links += 1)}`)))
  }

  /** Counts report files; their figures are computed again from the samples. */
  addFiles(files: readonly (ReadableFile & { name: string })[]): Promise<number> {
    return this.#add(
      files.map((file) => async () => {
        checkFileSize(file.size, file.name)
        const { statistics } = this.#services
        const record = await statistics.open(file, file.name)
        this.#assertKnown(record, file.name)
        return tallyOfReport(await statistics.rescore(record, record.spec.scoring), file.name)
      }),
    )
  }

  remove(run: string): void {
    this.#keep(this.#tallies.filter((tally) => tally.run !== run))
  }

  clear(): void {
    this.#problems = []
    this.#links = 0
    this.#keep([])
  }

  /** Says that no camera can be used. */
  refused(problem: SpqrError): void {
    this.#problems = [problem]
  }

  async #tallyOfLink(link: string, source: string): Promise<Tally> {
    const parts = readLinkParts(link)
    if (parts.kind === 's1') {
      const claim = decodeShortLink(parts)
      const pack = await recipePack(this.#services, this.#pack)
      if (!pack)
        throw new SpqrError(
          'BAD_INPUT',
          'The description of the model is not loaded, so no link can be checked.',
          'Load the page again while it can be reached.',
        )
      return tallyOfClaim(claim, pack, source)
    }
    const { statistics } = this.#services
    const { report } = await decodeLink(link, {
      score: (record, preset, reference, resamples) => statistics.score(record, preset, reference, resamples),
      reference: (facts) => this.#services.reference(facts),
    })
    this.#assertKnown(report.record, source)
    return tallyOfReport(report, source)
  }

  /** Counts of judges that nobody here knows are not pooled with those of the page's. */
  #assertKnown(record: RunRecord, source: string): void {
    const own = checkJudging(record, this.#pack, source).find(({ what }) => what !== 'rates')
    if (own)
      throw new SpqrError(
        'LINK_MISMATCH',
        `The result "${source}" is not counted. ${own.sentence}`,
        'Pool results of the judges and constants that the lesson link arranges.',
      )
  }

  async #add(works: readonly (() => Promise<Tally>)[]): Promise<number> {
    this.#busy = true
    this.#problems = []
    const before = this.#tallies.length
    const problems: PoolProblem[] = []
    try {
      for (const work of works) {
        try {
          const tally = await work()
          if (this.#tallies.length >= MOST_STUDENTS)
            throw new SpqrError('BAD_INPUT', `A class holds ${MOST_STUDENTS} results; "${tally.source}" is one more.`)
          this.#keep(withTally(this.#tallies, tally))
        } catch (thrown) {
          problems.push(reviveError(thrown))
        }
      }
    } finally {
      this.#problems = problems
      this.#busy = false
    }
    return this.#tallies.length - before
  }

  #keep(tallies: readonly Tally[]): void {
    this.#tallies = tallies
    try {
      this.#shelf?.setItem(KEY, JSON.stringify(tallies))
    } catch {
      // A browser that keeps nothing has the class until the tab closes.
    }
  }
}

/** Result links in a text, whole addresses or fragments, one a line or word. */
export function linksIn(text: string): string[] {
  return text
    .slice(0, 2_000_000)
    .split(/\s+/)
    .filter((word) => /(^|#)[vs]\d{1,3}\./i.test(word))
}

function readClass(shelf: Shelf | null): readonly Tally[] {
  try {
    const stored = v.safeParse(TalliesSchema, parseJson(shelf?.getItem(KEY) ?? '[]').value)
    return stored.success ? stored.output : []
  } catch {
    return []
  }
}
