/** "Change what is measured": the parameters of the next run. Their meaning, defaults and limits are evaluation/params'. */
import { SpqrError, reviveError, type DeviceChoice, type ModelChoice, type PackAdapter } from '../../core/contracts'
import { computedName, isClosedForm } from '../../core/methods'
import { HUB_ENDPOINT } from '../../core/sources'
import {
  defaultParameters,
  parseParameters,
  queryPairs,
  toQuery,
  firstSentences,
  strangeSentence,
  type ParameterName,
  type Parameters,
} from '../../evaluation/spec/params'
import { possible, type FineTuneChoice, type Possible } from '../../evaluation/spec/possible'
import type { RunOptions, AdapterFile } from '../../evaluation/spec/spec'
import { MITIGATION_PARAMETERS } from '../../evaluation/spec/specMitigation'
import { registerAdapters, type AdapterUpload, type OwnAdapter } from './adapterUpload'
import { drawsFast, heldOutFor, nearestNote, runLabel, summaryLine, taken } from './choices'
import { methodsToChoose, suitesToChoose } from './offers'
import { sorted } from './sorted'
import { readFolder } from './folder'
import { JudgeSet, type EngineServices } from './judgeSet.svelte'
import { Classroom } from '../page/classroom.svelte'
import { wrongSetting } from '../page/fields'
import type { PackInfo } from '../page/pack.svelte'
import type { RunRequest } from '../run/runner.svelte'

export type { ParameterName }

type AdapterRole = PackAdapter['role']

/** Choices that a fine-tune may not fit. */
const FITTED: readonly ParameterName[] = ['method', 'computed', 'profile', 'scenario', 'train']

export class Settings {
  values = $state<Parameters>(defaultParameters())
  /** Adapter files of the user's, merged in order; what each would change is told beside it. */
  adapters = $state.raw<Record<AdapterRole, readonly OwnAdapter[]>>({ alignment: [], 'fine-tune': [] })
  /** Captioned pictures of the user's own, for fine-tuning here. */
  dataset = $state.raw<{ name: string; sha256: string; count: number } | null>(null)
  /** A published model in a folder on this machine; it goes before an address. */
  folder = $state.raw<Extract<ModelChoice['source'], { kind: 'folder' }> | null>(null)
  /** For gated models; in memory only, never in links or storage. */
  token = $state('')
  readonly judges: JudgeSet
  /** What a field got wrong, by parameter. */
  problems = $state<Partial<Record<ParameterName, string>>>({})
  /** What a lesson link locks and hides. */
  readonly classroom = new Classroom()
  readonly #pack: PackInfo
  readonly #services: EngineServices

  constructor(pack: PackInfo, services: EngineServices) {
    this.#pack = pack
    this.#services = services
    this.judges = new JudgeSet(services)
  }

  /** Locked by a lesson link: it stays visible, and anybody can unlock it. */
  locked(name: ParameterName): boolean {
    return this.classroom.locked(name)
  }

  /** Alignment methods on offer: the pack's own first, then those computed or applied here. */
  readonly methods = $derived.by(() => methodsToChoose(this.#pack.manifest))
  /** The pack's adapter that the chosen method names; null where it is computed, or the pack has none. */
  readonly shipped = $derived.by(() => {
    const { method } = this.values
    return this.methods.pack.find(({ id }) => id === method) ?? this.methods.pack.find((one) => one.method === method)
  })
  /** Name of the chosen method: the pack's where its result is taken. */
  readonly methodName = $derived.by(() => {
    const { method, computed } = this.values
    return this.shipped && !(computed && isClosedForm(method)) ? this.shipped.name : computedName(method)
  })
  readonly suites = $derived.by(() => suitesToChoose(this.#pack.manifest))

  /**
   * Whether the choices can be run, and what could be instead. Null where only the engine can tell: before the pack is
   * read, and with another model, other judges or prompts of the user's own.
   */
  readonly possible = $derived.by((): Possible | null => {
    const { recipe, prepared } = this.#pack
    const other = this.folder !== null || this.values.model !== '' || this.values['judge-set'].length > 0
    if (!recipe || other || !(prepared || this.#asked)) return null
    const known = recipe.manifest.prompts.map(({ suite }) => suite)
    if (this.values.suites.some((suite) => !known.includes(suite))) return null
    return possible(this.#options(), recipe)
  })

  /** A choice was made: what is possible must be known now, whatever it takes. */
  #asked = $state(false)

  /** What the button will do: "Run UCE, lite". */
  readonly runLabel = $derived.by(() => {
    const files = this.adapters.alignment.length + this.adapters['fine-tune'].length
    const shown = this.values.method === '' ? this.methods.pack[0]?.name : this.methodName
    return runLabel(this.values, files, this.adapters.alignment.length > 0 ? 'your alignment' : shown)
  })

  /** What a choice changed elsewhere, in one sentence, until the next choice. */
  said = $state('')

  /** Whether something of the reader's own is set, which no address can carry. */
  readonly hasFiles = $derived(
    this.adapters.alignment.length + this.adapters['fine-tune'].length > 0 ||
      this.dataset !== null ||
      this.folder !== null,
  )

  /** Takes one of the possible fine-tunes. */
  take(choice: FineTuneChoice): void {
    Object.assign(this.values, choice)
    this.said = ''
  }

  /** One line that says what the next run will do. */
  readonly summary = $derived.by(() => {
    const { method, model } = this.values
    const other = this.folder?.name ?? (model === '' ? null : model)
    const own = (role: AdapterRole): string => this.adapters[role].map(({ name }) => name).join(' + ')
    const first = other === null ? (this.methods.pack[0]?.name ?? 'first method of the pack') : 'no alignment'
    return summaryLine(this.values, {
      model: other ?? this.#pack.manifest?.title ?? this.values.pack,
      method: own('alignment') || (method === '' ? first : this.methodName),
      fineTune: own('fine-tune'),
      fast: drawsFast(this.values, this.possible),
    })
  })

  /** Fills in what the address says (`?preset=smoke&ep=wasm`). Throws BAD_INPUT for unknown names and wrong values; the others count. */
  readQuery(search: string): void {
    // `lang` and `embed` are the page's, not the run's: language.svelte.ts and main.ts read them.
    const { settings, problems } = this.classroom.read(queryPairs(search))
    const { right, wrong } = sorted(settings.filter(([name]) => name !== 'lang' && name !== 'embed'))
    const { values, unknown } = parseParameters(right)
    this.values = values
    const sentences = [...problems, strangeSentence(unknown), ...wrong].flatMap((one) => one ?? [])
    if (sentences.length > 0)
      throw new SpqrError('BAD_INPUT', firstSentences(sentences), 'The rest of the address was followed.')
  }

  /**
   * Takes the text of a field; a wrong one is told beside it and the old value stays. A method or profile that the
   * fine-tune does not fit brings the nearest one that fits, and says so. What is locked stays as it is.
   */
  set(name: ParameterName, text: string): void {
    if (this.locked(name)) return
    this.said = ''
    try {
      const { values } = parseParameters([[name, text]])
      Object.assign(this.values, { [name]: values[name] })
      this.problems = { ...this.problems, [name]: undefined }
    } catch (thrown) {
      this.problems = { ...this.problems, [name]: wrongSetting(reviveError(thrown).message) }
      return
    }
    if (name === 'sampler') Object.assign(this.values, taken(text))
    if (FITTED.includes(name)) this.#fit()
  }

  /** Takes settings that are offered together. */
  adopt(changes: Partial<Parameters>): void {
    this.said = ''
    Object.assign(this.values, changes)
    this.#fit()
  }

  /** A fine-tune that does not fit gives way to the nearest one that does, and this is said. */
  #fit(): void {
    this.#asked = true
    const [nearest] = this.possible?.instead ?? []
    if (!nearest) return
    this.said = nearestNote(this.values, nearest)
    Object.assign(this.values, nearest)
  }

  /** Chooses a mitigation; numbers of another are given up, since it does not take them. */
  setMitigation(text: string): void {
    this.set('mitigation', text)
    for (const name of MITIGATION_PARAMETERS) this.set(name, '')
    if (text !== 'none' && this.values['held-out'] === 0) this.set('held-out', heldOutFor(this.dataset))
  }

  reset(): void {
    this.values = defaultParameters()
    this.adapters = { alignment: [], 'fine-tune': [] }
    this.dataset = null
    this.folder = null
    this.token = ''
    this.judges.reset()
    this.problems = {}
  }

  get query(): string {
    return toQuery($state.snapshot(this.values) as Parameters)
  }

  /** Registers adapter files with the engine. Throws SpqrError; files taken before it stay. */
  async takeAdapters(role: AdapterRole, files: readonly AdapterUpload[]): Promise<void> {
    for await (const file of registerAdapters(this.#services, this.values.pack, this.device(), files)) {
      const others = this.adapters[role].filter(({ sha256 }) => sha256 !== file.sha256)
      this.#setFiles(role, [...others, file])
    }
  }

  /**
   * Registers a folder of captioned pictures with the trainer, which screens them: a flagged picture or a caption that
   * names a forbidden concept is refused. Throws SpqrError; the earlier choice then stays.
   */
  async takeFolder(files: readonly File[]): Promise<void> {
    const image = this.#pack.manifest?.model.image
    if (!image)
      throw new SpqrError(
        'BAD_INPUT',
        'The model is not loaded yet.',
        'Wait for the page to finish loading, then choose the folder again.',
      )
    const { name, pictures } = await readFolder(files, image)
    const added = await this.#services.withEngine(
      'reading a folder',
      this.values.pack,
      this.device(),
      ({ trainer }) => {
        if (!trainer)
          throw new SpqrError(
            'BAD_INPUT',
            'This pack cannot be fine-tuned in the browser.',
            'Choose a fine-tune of the pack.',
          )
        return trainer.addDataset(name, pictures)
      },
    )
    this.dataset = { name, ...added }
  }

  dropAdapter(role: AdapterRole, sha256: string): void {
    this.#setFiles(
      role,
      this.adapters[role].filter((file) => file.sha256 !== sha256),
    )
  }

  setStrength(role: AdapterRole, sha256: string, strength: number): void {
    this.#setFiles(
      role,
      this.adapters[role].map((file) => (file.sha256 === sha256 ? { ...file, strength } : file)),
    )
  }

  #setFiles(role: AdapterRole, files: readonly OwnAdapter[]): void {
    this.adapters = { ...this.adapters, [role]: files }
  }

  device(): DeviceChoice {
    const { ep, threads, model, variant, mirror } = this.values
    const wanted = { variant: variant === '' ? null : variant }
    const source =
      this.folder ??
      (model === ''
        ? null
        : { kind: 'address' as const, text: model, endpoint: mirror, token: this.token === '' ? null : this.token })
    const judges = this.judges.choices(
      [...this.values['judge-set']],
      mirror === '' ? HUB_ENDPOINT : mirror,
      this.token === '' ? null : this.token,
    )
    const { reference } = this.judges
    return {
      executionProvider: ep,
      threads,
      ...(source ? { model: { source, ...wanted } } : {}),
      ...(judges.length > 0 ? { judges } : {}),
      ...(reference ? { reference } : {}),
    }
  }

  request(): RunRequest {
    const { pack, batch } = this.values
    return { packName: pack, device: this.device(), batchSize: batch, options: this.#options() }
  }

  #options(): RunOptions & Parameters {
    const run = $state.snapshot(this.values) as Parameters
    const parts = (role: AdapterRole): AdapterFile[] =>
      this.adapters[role].map(({ name, sha256, strength }) => ({ name, sha256, strength }))
    return {
      ...run,
      alignmentFiles: parts('alignment'),
      fineTuneFiles: run.train === 'none' ? parts('fine-tune') : [],
      ...(this.dataset ? { dataset: { name: this.dataset.name, sha256: this.dataset.sha256 } } : {}),
    }
  }
}
