/** A published model, looked at before it is used: what it is, how large, under which licence, what was assumed. */
import type { ModelChoice, ModelManifest } from '../../core/contracts'
import { memoryLine, type MemoryPlan } from '../../core/memory'
import { licenceLine } from '../../core/sources'
import type { FileSet } from '../page/dropped'
import { bytes as written } from '../page/format'
import { machineFacts, planOf } from './machine'
import type { Settings } from './settings.svelte'
import type { Services } from '../page/services'

export interface Described {
  manifest: ModelManifest
  bytes: number
  missing: number
  memory: MemoryPlan
}

export class ModelPicker {
  /** As typed; what is used stands in the settings. */
  address = $state('')
  described = $state.raw<Described | null>(null)
  busy = $state(false)
  #choice: ModelChoice | null = null

  constructor(
    private readonly settings: Settings,
    private readonly services: Pick<Services, 'withEngine'>,
  ) {}

  /** The facts a person confirms, one line each. */
  readonly facts = $derived.by(() => {
    if (!this.described) return []
    const { manifest, bytes, missing, memory } = this.described
    const { model, licence, notes } = manifest
    const precision = 'onnx' in model.unet ? model.unet.precision : 'float32'
    return [
      licenceLine(licence),
      missing === 0
        ? `${written(bytes)}, all of it on this machine.`
        : `${written(bytes)}, ${written(missing)} to download.`,
      memoryLine(memory),
      `Pictures of ${model.image.width}×${model.image.height}, U-Net in ${precision}, ${model.scheduler.type.replace(/Scheduler$/, '')}, ${model.scheduler.predictionType.replace('_', ' ')}.`,
      ...notes,
    ]
  })

  get used(): string | null {
    return this.settings.folder
      ? `folder ${this.settings.folder.name}`
      : this.settings.values.model === ''
        ? null
        : this.settings.values.model
  }

  /** Reads the model's own files; nothing large is fetched. Throws SpqrError. */
  async look(source: ModelChoice['source'] = this.#typed()): Promise<void> {
    const { variant, pack, ep, threads } = this.settings.values
    this.busy = true
    this.described = null
    try {
      const choice: ModelChoice = { source, variant: variant === '' ? null : variant }
      this.described = await this.services.withEngine(
        'looking at a model',
        pack,
        { executionProvider: ep, threads },
        async ({ ports }) => {
          const described = await ports.engine.describe(choice)
          return { ...described, memory: await planOf(ports.engine, choice, described, await machineFacts(ep)) }
        },
      )
      this.#choice = choice
    } finally {
      this.busy = false
    }
  }

  async lookAtFiles({ name, files }: FileSet): Promise<void> {
    await this.look({ kind: 'folder', name, files })
  }

  /** The same model in another precision, by the name its files give it; '' is the plain one. */
  async choose(variant: string): Promise<void> {
    const source = this.#choice?.source
    this.settings.set('variant', variant)
    if (source) await this.look(source)
  }

  /** Precisions to choose among; empty when there is one alone. */
  readonly variants = $derived.by(() => {
    const names = this.described?.manifest.variants ?? []
    return names.length > 1 ? names : []
  })

  /** Takes what was looked at; its own sampler and steps count from now on. */
  use(): void {
    if (!this.#choice) return
    const { source } = this.#choice
    this.settings.folder = source.kind === 'folder' ? source : null
    this.settings.set('model', source.kind === 'address' ? source.text : '')
    this.described = null
  }

  /** Back to the pack's own generator. */
  drop(): void {
    this.settings.folder = null
    this.settings.set('model', '')
    this.settings.set('variant', '')
    this.described = null
  }

  #typed(): ModelChoice['source'] {
    const { settings } = this
    return {
      kind: 'address',
      text: this.address.trim(),
      endpoint: settings.values.mirror,
      token: settings.token === '' ? null : settings.token,
    }
  }
}
