/**
 * Judges that come behind the first pictures: their files travel while pictures are drawn, and each is loaded when a batch
 * needs it. Pictures of harmful prompts are looked at by safety judges alone, so that the others come last.
 */
import type { WorkUnit } from '../../core/contracts'
import type { JudgePanel } from './judgePanel'

/** Files on their way: when those of safety judges, and those of all, are here or have failed; what forgets the rest. */
export interface Coming {
  /** Whether all of them are in this browser already: they are then as good as here. */
  stored: Promise<boolean>
  safety: Promise<void>
  all: Promise<void>
  forget(): void
}

export class Seating {
  private wanted: readonly string[] = []
  private safety: readonly string[] = []
  private coming: { stored: Promise<boolean>; safety: boolean; all: boolean; forget(): void } | null = null

  constructor(private readonly panel: JudgePanel) {}

  /** Names the judges of a run without loading one. Throws BAD_INPUT for an unknown one. */
  ask(ids: readonly string[], coming: Coming | null): void {
    const judges = this.panel.find(ids)
    this.wanted = ids
    this.safety = judges.flatMap(({ id, axis }) => (axis === 'S' ? [id] : []))
    if (!coming) return
    const state = { stored: coming.stored, safety: false, all: false, forget: () => coming.forget() }
    void coming.safety.then(() => (state.safety = true))
    void coming.all.then(() => (state.all = true))
    this.coming = state
  }

  /** Whether nothing is to be waited for before these pictures can be judged but the loading of what is here. */
  async here(units: readonly WorkUnit[]): Promise<boolean> {
    const { coming } = this
    if (!coming || this.panel.has(this.needed(units)) || (await coming.stored)) return true
    return units.every(({ harmful }) => harmful) ? coming.safety : coming.all
  }

  /** Loads the judges of these pictures, or all that were named. Returns whether all are loaded now. Throws what loading throws. */
  async seat(units: readonly WorkUnit[] | null, signal: AbortSignal): Promise<boolean> {
    await this.panel.seat(this.wanted, signal, units === null ? this.wanted : this.needed(units))
    const all = this.panel.has(this.wanted)
    if (all) this.forget()
    return all
  }

  /** Lets go of files that came and were not taken. */
  forget(): void {
    this.coming?.forget()
    this.coming = null
  }

  private needed(units: readonly WorkUnit[]): readonly string[] {
    return units.every(({ harmful }) => harmful) ? this.safety : this.wanted
  }
}
