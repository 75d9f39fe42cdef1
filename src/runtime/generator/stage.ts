/** One part of the pipeline: a graph that is loaded when it is needed, let go on demand, and widened when it overflows. */
import type { ModelComponent } from '../../core/contracts'
import type { Graph } from './graph'

export type Ports = Pick<ModelComponent, 'inputs' | 'outputs'>

export interface StageOptions {
  component: ModelComponent
  /** The same part in float32; absent when there is none. */
  fallback?: ModelComponent | undefined
  create(component: ModelComponent): Promise<Graph>
  /** The float32 graph takes over for good. */
  onWidened?(): void
}

export class Stage {
  private present: Graph | null = null
  private component: ModelComponent
  private fallback: ModelComponent | undefined

  constructor(private readonly options: StageOptions) {
    this.component = options.component
    this.fallback = options.fallback
  }

  /** Inputs and outputs, known without loading. */
  get ports(): Ports {
    return this.component
  }

  /** Throws download, adapter, weight and graph errors. */
  async graph(): Promise<Graph> {
    this.present ??= await this.options.create(this.component)
    return this.present
  }

  async release(): Promise<void> {
    const { present } = this
    this.present = null
    await present?.release()
  }

  /** Half precision overflowed: from now on in float32. False when there is no such graph. */
  async widen(): Promise<boolean> {
    const { fallback } = this
    if (!fallback) return false
    await this.release()
    this.component = fallback
    this.fallback = undefined
    this.options.onWidened?.()
    return true
  }

  /** What `run` returns, again in float32 where `bad` says that half precision broke it. */
  async sure<T>(run: (graph: Graph) => Promise<T>, bad: (answer: T) => boolean): Promise<T> {
    const answer = await run(await this.graph())
    return bad(answer) && (await this.widen()) ? run(await this.graph()) : answer
  }
}

/** Rows of a graph whose batch is fixed; null where it is free. */
export function fixedBatch(dims: readonly (string | number)[] | undefined): number | null {
  return typeof dims?.[0] === 'number' ? dims[0] : null
}

/**
 * With two threads and more, onnxruntime's WebAssembly sums one row alone in another order than among others: of U-Nets one
 * picture in five had other last bits, small decoders do so too, text encoders do not. From two rows on, a row is the same in
 * every batch and with every number of threads.
 */
const SURE_ROWS = 2

/** Rows of a run over `count` samples: all that a graph of fixed batch takes; else at least two, where `most` allows them. */
export function sureRows(fixed: number | null, most: number, count: number): number {
  return fixed ?? Math.min(most, Math.max(count, SURE_ROWS))
}
