/** The page's state: what is shown, what runs, and what went wrong. Drawn by src/ui, wired by main.ts. */
import { loadPart, reviveError, type Report } from '../../core/contracts'
import type { StoredPromptSet } from '../../core/prompts'
import type { RunEvent } from '../../evaluation/run/run'
import { Exhibit } from '../run/exhibit.svelte'
import { FirstGuess, guessShelf, isBare } from '../run/firstGuess.svelte'
import { GalleryFilter } from '../run/gallery.svelte'
import { Library } from '../compare/library.svelte'
import { adapterFile, type AdapterDownload, type AdapterPart } from '../share/adapterFile'
import { Leaderboard } from '../about/leaderboard.svelte'
import { ModelPicker } from '../settings/model.svelte'
import { Published } from '../settings/published.svelte'
import { Notices } from './notices.svelte'
import { Permalink } from './permalink.svelte'
import { PackInfo } from './pack.svelte'
import { PromptSets } from '../settings/promptSets.svelte'
import { PromptShelf } from '../settings/promptShelf'
import type { Plan } from '../settings/planning'
import { readRecorded } from '../run/recorded'
import { readLinkParts } from '../../evaluation/share/mangled'
import { Claims } from '../share/claims.svelte'
import { Rechecking } from '../share/rechecking.svelte'
import { Remaking } from '../share/remaking.svelte'
import { Rescoring } from '../report/rescoring.svelte'
import { Route } from './route.svelte'
import { Runner, type RunRequest } from '../run/runner.svelte'
import type { Sample } from '../run/samples'
import type { Services } from './services'
import { Settings } from '../settings/settings.svelte'
import { Publishing } from '../share/publishing.svelte'
import { Sharing } from '../share/sharing.svelte'
import { SET_UP, SetUp } from './setUp'
import { StorageView } from '../about/storage.svelte'
import { Theme } from './theme.svelte'
import { Tryout } from '../run/tryout.svelte'
import { Thresholds } from '../report/thresholds.svelte'
import { UnfinishedRuns } from '../run/unfinished.svelte'

/** The demo's recorded run, made by the product's own evaluator. */
const RECORDED = 'recorded/demo.json'

export class App {
  readonly theme = new Theme()
  readonly notices = new Notices()
  readonly exhibit = new Exhibit()
  readonly pack = new PackInfo()
  readonly settings: Settings
  readonly picker: ModelPicker
  readonly setUp: SetUp
  readonly gallery = new GalleryFilter(this.exhibit)
  readonly route: Route
  readonly services: Services
  readonly runner: Runner
  readonly unfinished: UnfinishedRuns
  readonly sharing: Sharing
  readonly publishing: Publishing
  readonly claims = new Claims()
  readonly tryout: Tryout
  readonly library: Library
  readonly thresholds: Thresholds
  readonly rescoring: Rescoring
  readonly rechecking: Rechecking
  readonly remaking: Remaking
  readonly permalink: Permalink
  readonly promptSets: PromptSets
  readonly storage: StorageView
  readonly leaderboard: Leaderboard
  readonly published: Published
  readonly guess: FirstGuess
  readonly #shelf = new PromptShelf()
  /** The sample whose pictures and scores are open in the dialog. */
  opened = $state.raw<Sample | null>(null)

  constructor(services: Services, place: { hash: string; search: string }) {
    this.services = services
    this.settings = new Settings(this.pack, services)
    this.picker = new ModelPicker(this.settings, services)
    this.settings.judges.cards = services.judgeCards
    this.notices.where = () => this.route.view
    try {
      this.settings.readQuery(place.search)
    } catch (thrown) {
      this.notices.add(reviveError(thrown), SET_UP)
    }
    this.setUp = new SetUp(this.settings, place.search)
    this.route = new Route(place.hash || this.settings.classroom.fragment)
    this.runner = new Runner(services, this.exhibit)
    this.guess = new FirstGuess(this.exhibit, guessShelf(), isBare(place.hash, this.settings.query))
    this.tryout = new Tryout(services, this.settings, this.pack)
    this.unfinished = new UnfinishedRuns(services.store)
    this.sharing = new Sharing(services, this.exhibit, this.pack, this.#shelf)
    this.publishing = new Publishing(services, this.exhibit, this.sharing)
    this.library = new Library(services, this.exhibit, this.notices, this.pack)
    this.remaking = new Remaking(services, this.exhibit, this.#shelf)
    this.rechecking = new Rechecking(services, this.#shelf, (report, sample) => this.remaking.take(report, sample))
    this.thresholds = new Thresholds(services, this.exhibit)
    this.promptSets = new PromptSets(services)
    this.storage = new StorageView(services)
    this.rescoring = new Rescoring(services, this.exhibit)
    this.leaderboard = new Leaderboard(services)
    this.published = new Published(services)
    const { route, exhibit, gallery, thresholds, sharing } = this
    this.permalink = new Permalink({
      ...{ route, exhibit, gallery, thresholds },
      opened: () => this.opened,
      open: (sample) => this.open(sample),
      link: (report) => sharing.fragment(report),
      openedLink: () => sharing.openedFragment,
    })
  }

  readonly text = (sample: Sample): string => this.promptSets.text(sample) ?? this.pack.text(sample)

  /** What the page does once it is drawn; in another page's frame the link alone, and nothing of what is stored here. */
  async start(framed = false): Promise<void> {
    await Promise.all([this.pack.load(this.services, this.settings.values.pack), framed || this.#loadPrompts()])
    if (framed) return this.#openPlace()
    await this.unfinished.refresh()
    this.guess.begin(this.unfinished.stored.length > 0)
    await Promise.all([this.#openPlace(), this.pack.prepare()])
  }

  /** Called when the address changed. */
  async follow(hash: string): Promise<void> {
    this.route.follow(hash)
    await this.#openPlace()
  }

  async #openPlace(): Promise<void> {
    const { link } = this.route.place
    await this.notices.guard(async () => this.permalink.filter(), 'filters')
    if (link !== null) await this.notices.guard(() => this.openLink(link), 'a link')
    else if (this.exhibit.origin.kind === 'nothing') await this.#showRecorded()
    await this.notices.guard(async () => this.permalink.apply(), 'a place')
  }

  async #showRecorded(): Promise<void> {
    const recorded = await readRecorded(this.services, RECORDED)
    if (!recorded || this.exhibit.origin.kind !== 'nothing') return
    this.exhibit.show(recorded.report, { kind: 'recorded', at: recorded.report.createdAt }, null)
    for (const [unitId, pixels] of recorded.pictures) this.exhibit.pictures.putPixels(unitId, pixels)
  }

  /** Prompts of earlier visits; runs and links made from them can be checked again. */
  async #loadPrompts(): Promise<void> {
    await this.promptSets.load()
    for (const { prompts } of this.promptSets.sets) this.#shelf.learn(prompts)
  }

  /** What the settings and the reader's own prompts amount to. */
  request(): RunRequest {
    const request = this.settings.request()
    return { ...request, options: { ...request.options, ...this.promptSets.options } }
  }

  /** Takes the chosen prompt file; its suite is then measured. Throws SpqrError. */
  async takePrompts(): Promise<StoredPromptSet> {
    const set = await this.promptSets.take((this.pack.manifest?.prompts ?? []).map(({ suite }) => suite))
    this.#shelf.learn(set.prompts)
    if (set.harmful) this.settings.set('suites', [...this.settings.values.suites, set.suite].join(','))
    await this.promptSets.keep(set)
    return set
  }

  async removePrompts(suite: string): Promise<void> {
    this.settings.set('suites', this.settings.values.suites.filter((name) => name !== suite).join(','))
    await this.promptSets.remove(suite)
  }

  /** The one button. */
  run(): Promise<void> {
    return this.#toItsEnd(async () => {
      const report = await this.#start(this.request())
      if (report) this.thresholds.reset()
    })
  }

  /** What goes wrong with a run is told in every view, for it may end while another than its own is read. */
  async #toItsEnd(work: () => Promise<void>): Promise<void> {
    await this.notices.guard(work, 'a run', null)
    await this.unfinished.refresh()
    if (this.pack.manifest) await this.leaderboard.load(this.pack.name, this.pack.manifest)
  }

  /** Goes on with a stored run on what it was begun on, whatever the settings say now. */
  goOn(runId: string): Promise<void> {
    return this.#toItsEnd(async () => {
      const stored = await this.unfinished.read(runId)
      if (!stored) return
      const { executionProvider, threads } = stored.environment
      const request = this.request()
      const report = await this.#start({
        ...request,
        device: { ...request.device, executionProvider, threads },
        resume: stored.spec,
      })
      if (report) this.thresholds.reset()
    })
  }

  /** The same without the interface, for `globalThis.spqr`; errors go to the caller. */
  async evaluate(request: RunRequest, onEvent?: (event: RunEvent) => void): Promise<Report | null> {
    // A script guesses nothing.
    this.guess.prediction.skip()
    try {
      return await this.#start(request, onEvent)
    } catch (thrown) {
      const error = reviveError(thrown)
      this.notices.add(error)
      throw error
    }
  }

  #start(request: RunRequest, onEvent?: (event: RunEvent) => void): Promise<Report | null> {
    this.#shelf.learn(request.options.ownPrompts?.prompts ?? [])
    return this.runner.run(request, onEvent)
  }

  /** What the next run will be able to show; `warm` measures two pictures first. Throws SpqrError. */
  readonly plan = async (drift: number, warm: boolean): Promise<Plan> => {
    const { planRun } = await loadPart(() => import('../settings/planning'))
    return planRun(this.services, this.request(), drift, this.exhibit.report, warm)
  }

  /** A file of the report's alignment, or of its live fine-tune; null when there is none to save. Throws SpqrError. */
  readonly adapterFile = (
    what: AdapterPart,
    report: Report,
    onStep?: (step: number) => void,
  ): Promise<AdapterDownload | null> =>
    adapterFile(this.services, this.settings.values.pack, this.settings.device(), what, report, onStep)

  /** Opens a result link, the last one of those asked for; what was made again for an earlier one goes. Throws SpqrError. */
  async openLink(fragment: string): Promise<void> {
    const short = readLinkParts(fragment).kind === 's1'
    ;(short ? this.sharing : this.claims).abandon()
    if (short) return this.claims.open(fragment)
    const before = this.sharing.opened
    await this.sharing.openLink(fragment)
    if (this.sharing.opened === before) return
    this.rechecking.reset()
    this.claims.close()
  }

  /** Makes `k` samples of the opened link again, or its fine-tune and then `k` samples. */
  async recheck(what: 'samples' | 'fine-tune', k: number): Promise<void> {
    const report = this.sharing.opened?.report
    if (!report) return
    const { pack } = this.settings.values
    const again = (): Promise<unknown> =>
      what === 'samples'
        ? this.rechecking.run(report, pack, this.settings.device(), k)
        : this.rechecking.retrain(report, pack, k)
    await this.notices.guard(again, 'checking a link')
  }

  /** Forgets an opened link; the recorded run comes back. */
  closeLink(): void {
    this.rechecking.reset()
    if (this.exhibit.origin.kind === 'link') this.exhibit.clear()
  }

  /** Makes pictures that the shown report does not have: those of `units`, or all. */
  async makePictures(units?: readonly string[]): Promise<void> {
    const { report } = this.exhibit
    if (report)
      await this.notices.guard(
        () => this.remaking.make(report, this.settings.values.pack, this.settings.device(), units),
        'pictures',
      )
  }

  /** Runs the recipe of the shown report here and compares; its prompts may be the reader's own. */
  async runRecipe(): Promise<void> {
    const { report } = this.exhibit
    if (!report) return
    const request = this.request()
    const ownPrompts = { prompts: this.#shelf.of(report.record.spec), harmfulSuites: [] }
    this.claims.expect(report, { ...request, options: { ...request.options, ownPrompts } })
    await this.recompute()
  }

  /** Makes the run of the open claim here and compares. */
  async recompute(): Promise<void> {
    const { claim } = this.claims
    if (!claim) return
    await this.#toItsEnd(async () => {
      const report = await this.#start(claim.request(this.settings.device(), this.settings.values.batch))
      if (report) this.claims.compare(report)
    })
  }

  open(sample: Sample): void {
    this.opened = sample
  }

  close(): void {
    this.opened = null
  }
}
