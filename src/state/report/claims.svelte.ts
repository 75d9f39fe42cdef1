/** Short links: a claim that somebody makes, and what making its run again here found. */
import type { DeviceChoice, Report } from '../../core/contracts'
import { readLinkParts } from '../../evaluation/share/mangled'
import { checkClaim, decodeShortLink, type Claim, type ClaimCheck } from '../../evaluation/share/shortLink'
import { countsOf } from '../../evaluation/share/commitment'
import type { RunRequest } from '../run/runner.svelte'

export type { Count } from '../../evaluation/share/commitment'

export class Claims {
  #claim = $state.raw<Claim | null>(null)
  #check = $state.raw<ClaimCheck | null>(null)
  /** The report that was made here from the claim's recipe. */
  #report = $state.raw<Report | null>(null)

  /** The claim that is open; null when none is. */
  get claim(): Claim | null {
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
  open(fragment: string): void {
    const claim = decodeShortLink(readLinkParts(fragment))
    this.#claim = claim
    this.#check = null
    this.#report = null
  }

  close(): void {
    this.#claim = null
    this.#check = null
    this.#report = null
  }

  /** The claim's run as a request: WASM gives the same bits with any threads, but for training. */
  request(claim: Claim, device: DeviceChoice, batchSize: number): RunRequest {
    const { parameters, executionProvider, threads } = claim
    const pinned = parameters.train !== 'none' && executionProvider === 'wasm'
    return {
      packName: claim.pack,
      device: { ...device, executionProvider, threads: pinned ? threads : device.threads },
      batchSize,
      options: parameters,
    }
  }

  /** Compares a finished run with the claim. A run of another pack version is compared by its counts only. */
  compare(report: Report): void {
    if (this.#claim === null) return
    this.#report = report
    const sameRun = report.record.id.startsWith(this.#claim.run)
    this.#check = checkClaim(sameRun ? this.#claim : { ...this.#claim, run: report.record.id.slice(0, 32) }, report)
  }
}
