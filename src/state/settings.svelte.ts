/** "Change what is measured": the parameters of the next run. Their meaning, defaults and limits are evaluation/params'. */
import { SpqrError, reviveError, type DeviceChoice, type PackAdapter } from '../core/contracts'
import { defaultParameters, parseParameters, queryPairs, toQuery, unknownSentence, type ParameterName, type Parameters } from '../evaluation/params'
import type { RunOptions, AdapterFile } from '../evaluation/spec'
import { readFolder } from './folder'
import { figure } from './format'
import { methodName } from './names'
import type { PackInfo } from './pack.svelte'
import type { RunRequest } from './runner.svelte'
import type { Services } from './services'

export type { ParameterName }

type AdapterRole = PackAdapter['role']

export class Settings {
  values = $state<Parameters>(defaultParameters())
  alignmentFile = $state.raw<AdapterFile | null>(null)
  fineTuneFile = $state.raw<AdapterFile | null>(null)
  /** Captioned pictures of the user's own, for fine-tuning here. */
  dataset = $state.raw<{ name: string; sha256: string; count: number } | null>(null)
  /** What the address or a field got wrong, by parameter; `''` for unknown names. */
  problems = $state<Partial<Record<ParameterName | '', string>>>({})
  readonly #pack: PackInfo

  constructor(pack: PackInfo) {
    this.#pack = pack
  }

  /** Alignment methods on offer: the pack's own first, then those computed or applied here. */
  readonly methods = $derived.by(() => {
    const shipped = (this.#pack.manifest?.adapters ?? []).filter(({ role }) => role === 'alignment')
    return {
      pack: shipped.map(({ id, method }) => ({ id, name: methodName(method), detail: id })),
      computed: ['uce', 'rece', 'mace'],
      guidance: ['negative-prompt', 'sld-weak', 'sld-medium', 'sld-strong', 'sld-max', 'safree'],
    }
  })
  readonly suites = $derived.by(() => (this.#pack.manifest?.prompts ?? []).filter(({ harmful }) => harmful))

  /** One line that says what the next run will do. */
  readonly summary = $derived.by(() => {
    const { preset, method, profile, scenario, train, steps } = this.values
    const shown = this.alignmentFile?.name ?? (method === '' ? (this.methods.pack[0]?.name ?? 'first method of the pack') : methodName(method))
    const tune = this.fineTuneFile?.name ?? (train === 'none' ? (profile === 'none' ? 'no fine-tuning' : `${profile} fine-tune, ${scenario} data`) : `${train} fine-tune here, ${this.values['train-steps']} steps`)
    return [this.#pack.manifest?.title ?? this.values.pack, shown, tune, `${preset} preset`, ...(steps === null ? [] : [`${figure(steps, 0)} steps`])].join(' · ')
  })

  /** Fills in what the address says (`?preset=smoke&ep=wasm`); unknown names and wrong values are told. */
  readQuery(search: string): void {
    try {
      const { values, unknown } = parseParameters(queryPairs(search))
      this.values = values
      const sentence = unknownSentence(unknown)
      this.problems = sentence === null ? {} : { '': sentence }
    } catch (thrown) {
      const { message, hint } = reviveError(thrown)
      this.problems = { '': `${message} ${hint}` }
    }
  }

  /** Takes the text of a field; a wrong one is told beside it and the old value stays. */
  set(name: ParameterName, text: string): void {
    try {
      const { values } = parseParameters([[name, text]])
      Object.assign(this.values, { [name]: values[name] })
      this.problems = { ...this.problems, [name]: undefined }
    } catch (thrown) {
      this.problems = { ...this.problems, [name]: reviveError(thrown).message }
    }
  }

  reset(): void {
    this.values = defaultParameters()
    this.alignmentFile = null
    this.fineTuneFile = null
    this.dataset = null
    this.problems = {}
  }

  get query(): string {
    return toQuery($state.snapshot(this.values) as Parameters)
  }

  /**
   * Registers an adapter file with the engine, which refuses by name what does not fit; answers what it would change.
   * Throws SpqrError; the earlier choice then stays.
   */
  async takeAdapter(services: Services, role: AdapterRole, file: { name: string; arrayBuffer(): Promise<ArrayBuffer> }): Promise<string> {
    const open = await services.open(this.values.pack, this.device(), () => undefined)
    const { sha256, format, tensors, rank } = await open.ports.engine.addAdapterFile(file.name, await file.arrayBuffer())
    this.#setFile(role, { name: file.name, sha256, strength: 1 })
    return `${format}, ${tensors} weights${rank === null ? '' : `, rank ${rank}`}`
  }

  /**
   * Registers a folder of captioned pictures with the trainer, which screens them: a flagged picture or a caption that
   * names a forbidden concept is refused. Throws SpqrError; the earlier choice then stays.
   */
  async takeFolder(services: Services, files: readonly File[]): Promise<void> {
    const image = this.#pack.manifest?.model.image
    if (!image) throw new SpqrError('BAD_INPUT', 'The model is not loaded yet.', 'Wait for the page to finish loading, then choose the folder again.')
    const { name, pictures } = await readFolder(files, image)
    const { trainer } = await services.open(this.values.pack, this.device(), () => undefined)
    if (!trainer) throw new SpqrError('BAD_INPUT', 'This pack cannot be fine-tuned in the browser.', 'Choose a fine-tune of the pack.')
    this.dataset = { name, ...(await trainer.addDataset(name, pictures)) }
  }

  dropAdapter(role: AdapterRole): void {
    this.#setFile(role, null)
  }

  setStrength(role: AdapterRole, strength: number): void {
    const file = role === 'alignment' ? this.alignmentFile : this.fineTuneFile
    if (file) this.#setFile(role, { ...file, strength })
  }

  #setFile(role: AdapterRole, file: AdapterFile | null): void {
    if (role === 'alignment') this.alignmentFile = file
    else this.fineTuneFile = file
  }

  device(): DeviceChoice {
    return { executionProvider: this.values.ep, threads: this.values.threads }
  }

  request(): RunRequest {
    const { pack, batch, ...run } = $state.snapshot(this.values) as Parameters
    const options: RunOptions = { ...run, alignmentFile: this.alignmentFile, fineTuneFile: this.fineTuneFile, ...(this.dataset ? { dataset: { name: this.dataset.name, sha256: this.dataset.sha256 } } : {}) }
    return { packName: pack, device: this.device(), batchSize: batch, options }
  }
}
