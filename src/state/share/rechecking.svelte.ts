/** Makes a few of somebody's samples again here and says whether they come out the same. */
import { SpqrError, loadPart, reviveError, type DeviceChoice, type Report } from '../../core/contracts'
import type { RecheckedSample, RecheckResult } from '../../evaluation/share/recheck'
import type { PromptShelf } from '../settings/promptShelf'
import type { OpenPack, Services } from '../page/services'

const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0

export class Rechecking {
  #samples = $state.raw<readonly RecheckedSample[]>([])
  #result = $state.raw<Pick<RecheckResult, 'summary'> | null>(null)
  #doing = $state('')
  #stop = $state.raw<AbortController | null>(null)
  readonly #services: Services
  readonly #shelf: PromptShelf
  /** Told of every sample, whose picture others can show. */
  readonly #onSample: (report: Report, sample: RecheckedSample) => void

  constructor(
    services: Services,
    shelf: PromptShelf,
    onSample: (report: Report, sample: RecheckedSample) => void = () => undefined,
  ) {
    this.#services = services
    this.#shelf = shelf
    this.#onSample = onSample
  }

  get samples(): readonly RecheckedSample[] {
    return this.#samples
  }
  get result(): Pick<RecheckResult, 'summary'> | null {
    return this.#result
  }
  get doing(): string {
    return this.#doing
  }
  get busy(): boolean {
    return this.#stop !== null
  }

  /** Throws SpqrError when the samples cannot be made here; a stop is no error. */
  run(report: Report, packName: string, device: DeviceChoice, k: number): Promise<void> {
    return this.#work((signal) =>
      this.#services.withEngine('a re-check', packName, device, async ({ pack, ports }) => {
        const { recheck } = await loadPart(() => import('../../evaluation/share/recheck'))
        const own = this.#withOwnPrompts(pack, report)
        return recheck(signal, ports.engine, own, report.record, k, randomSeed(), (event) => {
          if (event.type === 'sample') this.#add(report, event)
        })
      }),
    )
  }

  /** Takes the report's live fine-tune again, on the device it names where this machine has it, and compares. */
  retrain(report: Report, packName: string, k: number): Promise<void> {
    const { record } = report
    const { executionProvider, threads } = record.environment
    return this.#work((signal) =>
      this.#services.withEngine(
        'a re-check',
        packName,
        { executionProvider, threads },
        async ({ pack, ports, trainer }) => {
          if (!trainer)
            throw new SpqrError(
              'BAD_INPUT',
              'This pack cannot be fine-tuned in the browser.',
              'Choose the pack of the report.',
            )
          const { retrain } = await loadPart(() => import('../../evaluation/run/retrain'))
          return retrain(
            signal,
            ports.engine,
            trainer,
            this.#withOwnPrompts(pack, report),
            record,
            k,
            randomSeed(),
            (event) => {
              if (event.type === 'sample') this.#add(report, event)
              else if (event.type === 'training')
                this.#doing = `Step ${event.step} of ${event.steps}, loss ${event.loss.toPrecision(3)}`
            },
          )
        },
      ),
    )
  }

  #withOwnPrompts(pack: OpenPack['pack'], { spec }: Report): OpenPack['pack'] {
    return { ...pack, prompts: this.#shelf.of(spec, pack.prompts) }
  }

  #add(report: Report, { sample, done, planned }: { sample: RecheckedSample; done: number; planned: number }): void {
    this.#onSample(report, sample)
    this.#samples = [...this.#samples, sample]
    this.#doing = `${done} of ${planned} made again`
  }

  async #work(job: (signal: AbortSignal) => Promise<Pick<RecheckResult, 'summary'>>): Promise<void> {
    if (this.#stop) return
    const stop = new AbortController()
    this.#stop = stop
    this.#samples = []
    this.#result = null
    this.#doing = 'Opening the model'
    try {
      this.#result = await job(stop.signal)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code !== 'ABORTED') throw error
    } finally {
      this.#stop = null
      this.#doing = ''
    }
  }

  stop(): void {
    this.#stop?.abort()
  }

  reset(): void {
    this.stop()
    this.#samples = []
    this.#result = null
  }
}
