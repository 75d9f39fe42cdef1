/** Makes a few of somebody's samples again here and says whether they come out the same. */
import { reviveError, type DeviceChoice, type Report } from '../core/contracts'
import { recheck, type RecheckedSample, type RecheckResult } from '../evaluation/recheck'
import type { Services } from './services'

export class Rechecking {
  #samples = $state.raw<readonly RecheckedSample[]>([])
  #result = $state.raw<RecheckResult | null>(null)
  #doing = $state('')
  #stop = $state.raw<AbortController | null>(null)
  readonly #services: Services

  constructor(services: Services) {
    this.#services = services
  }

  get samples(): readonly RecheckedSample[] { return this.#samples }
  get result(): RecheckResult | null { return this.#result }
  get doing(): string { return this.#doing }
  get busy(): boolean { return this.#stop !== null }

  /** Throws SpqrError when the samples cannot be made here; a stop is no error. */
  async run(report: Report, packName: string, device: DeviceChoice, k: number): Promise<void> {
    if (this.#stop) return
    const stop = new AbortController()
    this.#stop = stop
    this.#samples = []
    this.#result = null
    this.#doing = 'Opening the model'
    try {
      const { pack, ports } = await this.#services.open(packName, device, () => undefined)
      const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
      this.#result = await recheck(stop.signal, ports.engine, pack, report.record, k, seed, (event) => {
        if (event.type !== 'sample') return
        this.#samples = [...this.#samples, event.sample]
        this.#doing = `${event.done} of ${event.planned} made again`
      })
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
