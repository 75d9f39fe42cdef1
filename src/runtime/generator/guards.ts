/** What guards that were trained with the model bring into a run: their files, and the parts that are made of them. */
import { readSafetensors, type Adapter } from '../../core/adapters'
import { Redirector } from '../../core/guidance'
import type { InferenceAlignment, PackManifest } from '../../core/contracts'
import { guardFormat } from '../../core/methods'
import type { OnEvent } from '../events'
import type { OrtRuntime } from '../ort'
import type { AdapterShelf } from '../storage/adapterShelf'
import type { FileLoader } from '../storage/files'
import type { PipelineOptions } from './pipeline'
import { createSoftText, type SoftText } from './softText'
import { packed } from './weights'

interface GuardsOptions {
  runtime: OrtRuntime
  manifest: PackManifest
  files: FileLoader
  shelf: Pick<AdapterShelf, 'guard'>
  onEvent: OnEvent
  oneAtATime?: boolean | undefined
}

export class Guards {
  private text: { key: string; part: SoftText } | null = null
  private signal: AbortSignal | undefined

  constructor(private readonly options: GuardsOptions) {}

  /**
   * The parts of one run's guard; nothing where it has none.
   * @param adapters those that change the text encoder; @param key what they are, so that a session is built again only for others
   * @throws {SpqrError} BAD_INPUT where the pack lacks the file, WEIGHTS_INVALID where it belongs to another model
   */
  async prepare(
    inference: InferenceAlignment | null,
    adapters: readonly Adapter[],
    key: string,
    signal: AbortSignal,
  ): Promise<Pick<PipelineOptions, 'redirector' | 'softText'>> {
    const format = inference && guardFormat(inference.method)
    // The stages of a run without its guard keep what the next one needs; another guidance does not.
    if (inference && format !== 'soft-prompt') await this.release()
    if (!format) return {}
    const { manifest, runtime, files, shelf, onEvent, oneAtATime } = this.options
    const sha256 = inference.weights ?? ''
    const bytes = await shelf.guard(format, sha256, signal)
    if (format === 'redirector') return { redirector: Redirector.read(readSafetensors(bytes)) }
    const wanted = `${sha256} ${key}`
    if (this.text?.key !== wanted) {
      await this.release()
      const model = { id: manifest.id, textEncoder: packed('text encoder', manifest.model.textEncoder) }
      this.text = {
        key: wanted,
        part: createSoftText(bytes, model, { runtime, files, onEvent, adapters, signal: () => this.signal }),
      }
    }
    // What is wrong with it is said before the first picture.
    this.signal = signal
    try {
      if (!oneAtATime) await this.text.part.stage.graph()
    } finally {
      this.signal = undefined
    }
    return { softText: this.text.part }
  }

  async release(): Promise<void> {
    const { text } = this
    this.text = null
    await text?.part.release()
  }
}
