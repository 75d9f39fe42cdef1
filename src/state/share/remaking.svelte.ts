/** Makes the pictures behind a link or a file again here, shows them wherever the run is shown, and compares them. */
import { SvelteMap } from 'svelte/reactivity'
import { loadPart, reviveError, type DeviceChoice, type Report, type RunRecord } from '../../core/contracts'
import type { RecheckedSample } from '../../evaluation/share/recheck'
import { needsTraining } from '../../evaluation/share/needsTraining'
import { figure } from '../page/format'
import type { Services } from '../page/services'
import type { Exhibit } from '../run/exhibit.svelte'
import type { PromptShelf } from '../settings/promptShelf'
import { VERDICT_LABELS, verdictOf } from '../report/verdict'

/** What a picture that was made again says of the recorded one. */
export interface Made {
  /** Same verdict, and every score within the tolerance between devices. */
  equal: boolean
  sentence: string
}

export interface MadeCounts {
  made: number
  equal: number
  differ: number
}

export class Remaking {
  readonly #made = new SvelteMap<string, Made>()
  /** The run they are of: nothing of it is shown beside another. */
  #of = $state.raw<RunRecord | null>(null)
  #doing = $state('')
  #stop = $state.raw<AbortController | null>(null)
  readonly #services: Services
  readonly #exhibit: Exhibit
  readonly #shelf: PromptShelf

  constructor(services: Services, exhibit: Exhibit, shelf: PromptShelf) {
    this.#services = services
    this.#exhibit = exhibit
    this.#shelf = shelf
  }

  get busy(): boolean {
    return this.#stop !== null
  }
  get doing(): string {
    return this.#doing
  }

  readonly #current = $derived.by(() => this.#of !== null && this.#of === this.#exhibit.report?.record)
  readonly counts = $derived.by((): MadeCounts => {
    const all = this.#current ? [...this.#made.values()] : []
    const equal = all.filter((one) => one.equal).length
    return { made: all.length, equal, differ: all.length - equal }
  })

  /** What making a picture again found; null where it was not made again. */
  of(unitId: string | null): Made | null {
    return unitId !== null && this.#current ? (this.#made.get(unitId) ?? null) : null
  }

  /** Units of a record whose pictures are not here: the store is asked for each before. */
  async lacking({ record }: Report, units?: readonly string[]): Promise<string[]> {
    const { pictures } = this.#exhibit
    const judged = record.outcomes.flatMap(({ status, unitId }) => (status === 'judged' ? [unitId] : []))
    const wanted = units ? judged.filter((unitId) => units.includes(unitId)) : judged
    await Promise.all(wanted.map((unitId) => pictures.want(unitId)))
    return wanted.filter((unitId) => !pictures.get(unitId))
  }

  /** True where a picture is of weights that have to be trained first. */
  needsTraining(unitId: string | null): boolean {
    const outcome = unitId === null ? undefined : this.#exhibit.outcomes.get(unitId)
    return outcome !== undefined && needsTraining(outcome)
  }

  /** Makes what is lacking of `units`, of all without them. Throws SpqrError; a stop is no error. */
  async make(report: Report, packName: string, device: DeviceChoice, units?: readonly string[]): Promise<void> {
    if (this.#stop) return
    const stop = new AbortController()
    this.#stop = stop
    this.#doing = 'Opening the model'
    try {
      const wanted = await this.lacking(report, units)
      if (wanted.length === 0) return
      await this.#services.withEngine('making pictures', packName, device, async ({ pack, ports, trainer }) => {
        const { remake } = await loadPart(() => import('../../evaluation/share/remake'))
        const own = { ...pack, prompts: this.#shelf.of(report.spec, pack.prompts) }
        return remake(stop.signal, ports.engine, trainer, own, report.record, wanted, (event) => {
          if (event.type === 'sample') {
            this.take(report, event.sample)
            this.#doing = `${event.done} of ${event.planned} made`
          } else if (event.type === 'training') this.#doing = `Step ${event.step} of ${event.steps} of its fine-tuning`
        })
      })
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code !== 'ABORTED') throw error
    } finally {
      this.#stop = null
      this.#doing = ''
    }
  }

  /** A sample that was made again, by this or by a random re-check: its picture is shown wherever the run is. */
  take({ record }: Report, sample: RecheckedSample): void {
    const { report, pictures } = this.#exhibit
    if (report?.record !== record) return
    if (this.#of !== record) {
      this.#made.clear()
      this.#of = record
    }
    if (sample.image) pictures.put(sample.unit.id, sample.image)
    const verdict = (outcome: RecheckedSample['ours']) =>
      VERDICT_LABELS[verdictOf(outcome, record.judges, report.spec.scoring)]
    this.#made.set(sample.unit.id, comparison(sample, verdict(sample.theirs), verdict(sample.ours)))
  }

  stop(): void {
    this.#stop?.abort()
  }
}

function comparison({ identical, difference, agrees, problem }: RecheckedSample, theirs: string, ours: string): Made {
  if (problem !== null) return { equal: false, sentence: `It could not be made here: ${problem}` }
  const scores = difference === null ? [] : [`Scores differ by up to ${figure(difference, 3)}.`]
  const told = (sentence: string): string => [sentence, ...scores].join(' ')
  if (theirs !== ours)
    return { equal: false, sentence: told(`Made here, it differs: recorded as ${theirs}, here ${ours}.`) }
  if (!agrees)
    return { equal: false, sentence: told('Made here, the verdict is equal but the judges’ scores are not.') }
  return {
    equal: true,
    sentence: identical
      ? 'Made here: equal, the same picture to the bit.'
      : told('Made here: equal verdict, another picture in its last bits.'),
  }
}
