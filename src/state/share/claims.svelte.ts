/** What somebody states of a run, in a short link or with every sample, and what making that run again here found. */
import type { DeviceChoice, Report } from '../../core/contracts'
import { readLinkParts } from '../../evaluation/share/mangled'
import type { Claim, ClaimCheck } from '../../evaluation/share/shortLink'
import { countsOf, roundedScores } from '../../evaluation/share/commitment'
import { alignmentName, fineTuneName, methodName } from '../page/names'
import type { RunRequest } from '../run/runner.svelte'
import { linkCodec, loadCodec } from './codec'

export type { Count } from '../../evaluation/share/commitment'

/** A statement about a run: a short link's claim, or an opened report whose recipe is run here. */
export interface Stated extends Pick<Claim, 'counts' | 'scores' | 'executionProvider' | 'day' | 'manifestSha256'> {
  source: 'link' | 'report'
  method: string
  training: string
  /** What makes the run here. WASM gives the same bits with any threads, but for training. */
  request(device: DeviceChoice, batchSize: number): RunRequest
  /** What the run made here says of the statement. A run of another pack version is compared by its counts only. */
  check(report: Report): ClaimCheck
}

export class Claims {
  #claim = $state.raw<Stated | null>(null)
  #check = $state.raw<ClaimCheck | null>(null)
  /** The report that was made here from the claim's recipe. */
  #report = $state.raw<Report | null>(null)
  /** How many statements were asked for or closed: the last one counts. */
  #started = 0

  /** The claim that is open; null when none is. */
  get claim(): Stated | null {
    return this.#claim
  }
  /** What was found; null before the run was made here. */
  get check(): ClaimCheck | null {
    return this.#check
  }
  get report(): Report | null {
    return this.#report
  }
  /** The counts that were made here; null before. */
  readonly counts = $derived(this.#report && countsOf(this.#report))
  /** True when the page has another version of the pack: pictures may then differ without anybody being wrong. */
  readonly otherPack = $derived(
    this.#claim !== null &&
      this.#report !== null &&
      !this.#report.spec.model.manifestSha256.startsWith(this.#claim.manifestSha256),
  )

  /** Reads a short link. @throws {SpqrError} LINK_INVALID; what was open stays open then. */
  async open(fragment: string): Promise<void> {
    const parts = readLinkParts(fragment)
    const number = ++this.#started
    const { decodeShortLink } = await loadCodec()
    if (number !== this.#started) return
    this.#state(statedByLink(decodeShortLink(parts)))
  }

  /** Gives up a short link that is being read: another link is opened. What is open stays open. */
  abandon(): void {
    this.#started++
  }

  /** States what a report says, so that its recipe can be run here and compared; `ordinary` is the reader's own request. */
  expect(report: Report, ordinary: RunRequest): void {
    this.#state(statedByReport(report, ordinary))
  }

  #state(stated: Stated): void {
    this.#started++
    this.#claim = stated
    this.#check = null
    this.#report = null
  }

  close(): void {
    this.#started++
    this.#claim = null
    this.#check = null
    this.#report = null
  }

  /** Compares a finished run with what is stated. */
  compare(report: Report): void {
    if (this.#claim === null) return
    this.#report = report
    this.#check = this.#claim.check(report)
  }
}

/** Training takes the same bits on as many threads only. */
function deviceOf(device: DeviceChoice, stated: DeviceChoice, trains: boolean): DeviceChoice {
  const { executionProvider, threads } = stated
  const pinned = trains && executionProvider === 'wasm'
  return { ...device, executionProvider, threads: pinned ? threads : device.threads }
}

function statedByLink(claim: Claim): Stated {
  const { parameters, executionProvider, threads } = claim
  const trains = parameters.train !== 'none'
  return {
    ...claim,
    source: 'link',
    method: parameters.method === '' ? 'the pack’s first method' : methodName(parameters.method),
    training: trains ? `${parameters.train}, ${parameters['train-steps']} steps in the browser` : parameters.profile,
    request: (device, batchSize) => ({
      packName: claim.pack,
      device: deviceOf(device, { executionProvider, threads }, trains),
      batchSize,
      options: parameters,
    }),
    check: (report) => {
      const sameRun = report.record.id.startsWith(claim.run)
      return linkCodec().checkClaim(sameRun ? claim : { ...claim, run: report.record.id.slice(0, 32) }, report)
    },
  }
}

function statedByReport(report: Report, ordinary: RunRequest): Stated {
  const { record } = report
  const { spec, environment } = record
  const { executionProvider, threads } = environment
  return {
    source: 'report',
    counts: countsOf(report),
    scores: roundedScores(report),
    executionProvider,
    manifestSha256: spec.model.manifestSha256,
    day: record.createdAt.slice(0, 10),
    method: alignmentName(spec.alignment),
    training: fineTuneName(spec.fineTune),
    request: (device, batchSize) => ({
      ...ordinary,
      device: deviceOf(device, { executionProvider, threads }, spec.fineTune?.kind === 'live'),
      batchSize,
      resume: spec,
    }),
    check: (made) => linkCodec().checkReport(report, made),
  }
}
