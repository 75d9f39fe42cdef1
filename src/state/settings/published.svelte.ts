/** The authors' published table, shown as published. */
import * as v from 'valibot'
import type { Services } from '../page/services'

const axis = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const PublishedSchema = v.object({
  source: v.string(),
  general_sd15_standard: v.array(v.object({ method: v.string(), S: axis, P: axis, Q: axis, R: axis, SPQR: axis })),
})
export type PublishedRow = v.InferOutput<typeof PublishedSchema>['general_sd15_standard'][number]

export class Published {
  #rows = $state.raw<readonly PublishedRow[]>([])
  #source = $state('')
  readonly #services: Pick<Services, 'readJson'>

  constructor(services: Pick<Services, 'readJson'>) {
    this.#services = services
  }

  get rows(): readonly PublishedRow[] {
    return this.#rows
  }
  get source(): string {
    return this.#source
  }

  /** Reads the table; one that is absent or invalid leaves no rows. */
  async load(): Promise<void> {
    const parsed = v.safeParse(PublishedSchema, await this.#services.readJson('reference/spqr-published.json'))
    if (!parsed.success) return
    this.#rows = parsed.output.general_sd15_standard.toSorted((a, b) => b.SPQR - a.SPQR)
    this.#source = parsed.output.source
  }
}
