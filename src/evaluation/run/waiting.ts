/** Batches whose pictures wait for their judges, in their order. */
import type { WorkUnit } from '../../core/contracts'

/** Pictures that may wait, in bytes. */
const ROOM = 16 * 2 ** 20

interface WaitingBatch {
  batch: readonly WorkUnit[]
  /** What of it is made here; the rest is known already. */
  open: WorkUnit[]
}

export class Waiting {
  private batches: WaitingBatch[] = []
  private readonly most: number
  /** What drawing them took. */
  seconds = 0

  constructor({ width, height }: { width: number; height: number }) {
    this.most = ROOM / (3 * width * height)
  }

  add(batch: readonly WorkUnit[], open: WorkUnit[]): void {
    this.batches.push({ batch, open })
  }

  /** Units that were drawn or are about to be. */
  get units(): WorkUnit[] {
    return this.batches.flatMap(({ open }) => open)
  }

  /** Enough pictures wait. */
  get full(): boolean {
    return this.units.length >= this.most
  }

  /** All of them; none is left. */
  take(): WaitingBatch[] {
    const { batches } = this
    this.batches = []
    return batches
  }
}
