/** Result links: making one, opening one, and checking what it says. */
import { SpqrError, type Report } from '../../core/contracts'
import type { PromptFacts } from '../../evaluation/plan/plan'
import type { OpenedLink } from '../../evaluation/share/share'
import { readLinkParts } from '../../evaluation/share/mangled'
import { hashOf } from '../../core/hash'
import { assertPublished } from '../../evaluation/spec/statedJudges'
import { linkCodec, loadCodec } from './codec'
import { ownSentences } from './judging'
import type { Exhibit } from '../run/exhibit.svelte'
import type { PackInfo } from '../page/pack.svelte'
import type { PromptShelf } from '../settings/promptShelf'
import type { Services } from '../page/services'

export type { OpenedLink }

export class Sharing {
  #opening = $state(false)
  #opened = $state.raw<OpenedLink | null>(null)
  #fragment = $state<string | null>(null)
  /** How many links were asked for: the last one counts. */
  #started = 0
  readonly #services: Services
  readonly #exhibit: Exhibit
  readonly #pack: PackInfo
  readonly #shelf: PromptShelf

  constructor(services: Services, exhibit: Exhibit, pack: PackInfo, shelf: PromptShelf) {
    this.#services = services
    this.#exhibit = exhibit
    this.#pack = pack
    this.#shelf = shelf
    exhibit.judging = (record, origin) => ownSentences(record, pack, origin)
  }

  /** True while a link is read and its scores are computed again. */
  get opening(): boolean {
    return this.#opening
  }
  /** The link that is shown, with what could not be recomputed. */
  get opened(): OpenedLink | null {
    return this.#exhibit.origin.kind === 'link' ? this.#opened : null
  }

  /** The fragment of the link that is shown, free of what channels added, without `#`. */
  get openedFragment(): string | null {
    return this.opened === null ? null : this.#fragment
  }

  /** Facts of the prompts a report was made from: those of its link, else the reader's own and the pack's. */
  #prompts(report: Report): readonly PromptFacts[] {
    if (this.#opened?.report === report) return this.#opened.prompts
    return this.#shelf.facts(report.spec, this.#pack.prompts)
  }

  /** The fragment of a report's link, `#` included. @throws {SpqrError} when there can be none. */
  fragment(report: Report, kind: 'short' | 'full' = 'full'): string {
    if (report.slice || hashOf(report.spec.scoring) !== hashOf(report.record.spec.scoring)) {
      throw new SpqrError(
        'BAD_INPUT',
        'A link carries the whole run under its own scoring, and this report was scored again.',
        'Go back to the run’s own scores first, or export the report as a file.',
      )
    }
    const away = this.#services.statistics.away(report.record)
    if (away > 0)
      throw new SpqrError(
        'LINK_TOO_LARGE',
        `A run of ${away} pictures is too large for a link.`,
        'Export the report as a file instead.',
      )
    return kind === 'full'
      ? linkCodec().encodeLink(report, this.#prompts(report), this.#pack.prompts, this.#commitment(report))
      : this.#short(report)
  }

  /** To the record as it was made, where the report is that of a link. */
  #commitment(report: Report): string | null {
    return this.#opened?.report.record === report.record ? this.#opened.commitment : null
  }

  #short(report: Report): string {
    const { name, manifest, prompts, accelerator } = this.#pack
    if (!manifest)
      throw new SpqrError(
        'BAD_INPUT',
        'The description of the model pack is not loaded.',
        'Reload the page and try again.',
      )
    const { manifestSha256 } = report.spec.model
    return linkCodec().encodeShortLink(
      report,
      name,
      { manifest, manifestSha256, prompts: [...prompts], accelerator },
      this.#commitment(report),
    )
  }

  /** The whole address. */
  address(report: Report, kind: 'short' | 'full' = 'full'): string {
    return document.baseURI.replace(/[?#].*$/, '') + this.fragment(report, kind)
  }

  /** HTML that frames the result in another page; letters of a link need no escapes in an attribute. */
  frame(report: Report): string {
    const address = this.address(report, 'full').replace('#', '?embed=1#')
    return `<iframe src="${address}" title="SPQR result" width="100%" height="900" loading="lazy" style="border: 0"></iframe>`
  }

  /** Gives up a link that is being read: another one is opened. What is shown stays. */
  abandon(): void {
    this.#started++
    this.#opening = false
  }

  /** Validates a link, recomputes its scores and shows them; a mismatch throws and changes nothing. */
  async openLink(fragment: string): Promise<void> {
    const { kind, body, check } = readLinkParts(fragment)
    const whole = `${kind}.${body}.${check}`
    if (this.#fragment === whole && this.#exhibit.origin.kind === 'link') return
    const number = ++this.#started
    this.#opening = true
    try {
      const { decodeLink } = await loadCodec()
      const opened = await decodeLink(fragment, {
        score: (record, preset, reference, resamples) =>
          this.#services.statistics.score(record, preset, reference, resamples),
        reference: (facts) => this.#services.reference(facts),
        prompts: this.#pack.prompts,
      })
      const { manifest, measured } = this.#pack
      if (manifest) assertPublished(opened.report.record, manifest.judges, measured)
      // Another link, or a run that is being made, has taken the stage meanwhile.
      const { origin, report } = this.#exhibit
      if (number !== this.#started || (origin.kind === 'live' && report === null)) return
      this.#opened = opened
      this.#fragment = whole
      this.#exhibit.show(opened.report, { kind: 'link' }, (unitId) => this.#services.store.image(unitId))
    } finally {
      if (number === this.#started) this.#opening = false
    }
  }
}
