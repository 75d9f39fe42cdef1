import { SpqrError } from '../contracts'
import type { SafetensorsFile } from '../adapters'
import { exactExp, exactLog, sigmoid, sinCosOfTurns } from '../exact'
import { apply, assertLayer, linear, type Linear } from './linear'

/** Layers of the network, by their names in its file. */
const LAYERS = [
  ...(['latent', 'time', 'query', 'key', 'value', 'verdict_in', 'verdict'] as const),
  ...(['token', 'delta', 'mask', 'alpha'] as const),
] as const
type Layers = Record<(typeof LAYERS)[number], Linear>

/** Steps for which embeddings are held after they were moved; the published code's default. */
const HELD_STEPS = 2

/** What a redirector says of one picture on its way. */
interface Redirection {
  /** Whether it is on the way to something forbidden. */
  unsafe: boolean
  /** E′ [tokens, width], whatever the verdict. */
  embeds: Float32Array
}

/**
 * SafeRedir-style (after arXiv 2601.08623): f(x_t, E, t) → verdict, direction Δ and mask m per token, and α; where the verdict
 * is "forbidden", E′ = E + s·α·m·(Δ/‖Δ‖)·‖E‖ token by token. The parts are the published ones in miniature; the training losses
 * are the recipe's own (`models/pictogram/align/saferedir.py`).
 */
export class Redirector {
  private constructor(
    private readonly layers: Layers,
    readonly scale: number,
  ) {}

  /**
   * @param file its tensors `<layer>.weight` and `<layer>.bias`, and s in the metadata
   * @throws {SpqrError} WEIGHTS_INVALID naming the layer that is missing, broken or of another shape
   */
  static read(file: SafetensorsFile): Redirector {
    const layers = Object.fromEntries(LAYERS.map((name) => [name, linear(file, name, unfit)])) as Layers
    const { time, key, value, verdict_in, token } = layers
    const width = key.columns
    const joint = layers.latent.rows + time.rows
    const seen = joint + value.rows
    const wanted: [keyof Layers, number, number][] = [
      ['query', key.rows, joint],
      ['value', value.rows, width],
      ['verdict_in', verdict_in.rows, seen],
      ['verdict', 2, verdict_in.rows],
      ['token', token.rows, seen + width],
      ['delta', width, token.rows],
      ['mask', 1, token.rows],
      ['alpha', 1, seen],
    ]
    for (const [name, rows, columns] of wanted) assertLayer(layers[name], name, [rows, columns], unfit)
    const scale = Number(file.metadata['scale'])
    if (!(scale > 0 && scale <= 10)) throw unfit('it does not say how far it moves embeddings')
    return new Redirector(layers, scale)
  }

  /** Values of one latent. */
  get latent(): number {
    return this.layers.latent.columns
  }

  /** @throws {SpqrError} WEIGHTS_INVALID where it was trained for latents or embeddings of another size */
  assertFits(latent: number, width: number): void {
    const { columns } = this.layers.latent
    if (columns !== latent || this.layers.key.columns !== width)
      throw unfit(
        `it takes latents of ${columns} values and embeddings of width ${this.layers.key.columns}, not ${latent} and ${width}`,
      )
  }

  /** @param latents one latent, flattened; @param embeds [tokens, width]; @param timestep as the U-Net is given it */
  redirect(latents: Float32Array, embeds: Float32Array, timestep: number): Redirection {
    const { layers } = this
    const width = layers.key.columns
    const tokens = embeds.length / width
    const joint = [
      ...apply(layers.latent, latents).map((x) => Math.max(0, x)),
      ...apply(layers.time, sinusoids(timestep, layers.time.columns)).map((x) => x * sigmoid(x)),
    ]
    const query = apply(layers.query, joint)
    const rows = Array.from({ length: tokens }, (_, i) => embeds.subarray(i * width, (i + 1) * width))
    const scores = rows.map((row) => dot(apply(layers.key, row), query) / Math.sqrt(layers.key.rows))
    const most = Math.max(...scores)
    const weights = scores.map((score) => exactExp(score - most))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const attended = new Float64Array(layers.value.rows)
    rows.forEach((row, i) => {
      const share = (weights[i] ?? 0) / total + 1 / tokens
      apply(layers.value, row).forEach((value, k) => {
        attended[k] = (attended[k] ?? 0) + share * value
      })
    })
    const seen = [...joint, ...attended]
    const [safe = 0, unsafe = 0] = apply(
      layers.verdict,
      apply(layers.verdict_in, seen).map((x) => Math.max(0, x)),
    )
    const alpha = sigmoid(apply(layers.alpha, seen)[0] ?? 0)
    const moved = embeds.slice()
    rows.forEach((row, i) => moved.set(this.#moved(row, seen, alpha), i * width))
    return { unsafe: unsafe > safe, embeds: moved }
  }

  /** E′ of one token. */
  #moved(row: Float32Array, seen: readonly number[], alpha: number): Float32Array {
    const { token, delta, mask } = this.layers
    const hidden = apply(token, [...seen, ...row]).map((x) => Math.max(0, x))
    const direction = apply(delta, hidden)
    const length = Math.max(Math.sqrt(dot(direction, direction)), 1e-12)
    const far = (this.scale * alpha * sigmoid(apply(mask, hidden)[0] ?? 0) * Math.sqrt(dot(row, row))) / length
    return row.map((value, k) => value + far * (direction[k] ?? 0))
  }
}

/**
 * Embeddings of a batch of prompts on their way: each is asked about before a step, and once moved it is held for two more. The
 * network sees the prompt's own embeddings at every step; where it finds the way harmless, what was moved stays as it is, as published.
 */
export class Redirected {
  readonly #current: Float32Array[]
  readonly #held: number[]

  readonly #prompts: readonly Float32Array[]
  readonly #start: number
  readonly #latent: number

  /**
   * @param embeds condition by condition, each for the whole batch
   * @param place of the prompts among the conditions
   * @param latents values of the whole batch
   * @throws {SpqrError} WEIGHTS_INVALID where the network does not fit
   */
  constructor(
    private readonly redirector: Pick<Redirector, 'latent' | 'assertFits' | 'redirect'>,
    { arrays, shape }: { arrays: readonly Float32Array[]; shape: readonly [number, number] },
    place: number,
    latents: number,
  ) {
    // Every condition has one array a picture; the latents tell how many pictures there are.
    this.#latent = redirector.latent
    const count = latents / this.#latent
    redirector.assertFits(Number.isInteger(count) ? this.#latent : latents, shape[1])
    this.#start = place * count
    this.#prompts = arrays.slice(this.#start, this.#start + count)
    this.#current = [...arrays]
    this.#held = this.#prompts.map(() => 0)
  }

  /** The embeddings of all conditions for the next step; `latents` are those of the batch, one after another. */
  next(latents: Float32Array, timestep: number): readonly Float32Array[] {
    const length = this.#latent
    this.#prompts.forEach((own, i) => {
      if ((this.#held[i] ?? 0) > 0) {
        this.#held[i] = (this.#held[i] ?? 0) - 1
        return
      }
      const found = this.redirector.redirect(latents.subarray(i * length, (i + 1) * length), own, timestep)
      if (!found.unsafe) return
      this.#current[this.#start + i] = found.embeds
      this.#held[i] = HELD_STEPS
    })
    return this.#current
  }
}

const unfit = (why: string) =>
  new SpqrError('WEIGHTS_INVALID', `The redirector does not fit this model: ${why}.`, 'Publish the pack again.')

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/** Sines, then cosines, of the timestep at falling rates. */
function sinusoids(timestep: number, size: number): number[] {
  const half = size / 2
  const pairs = Array.from({ length: half }, (_, k) => {
    const pair = new Float64Array(2)
    sinCosOfTurns(((timestep * exactExp((-exactLog(10_000) * k) / half)) / (2 * Math.PI)) % 1, pair)
    return pair
  })
  return [0, 1].flatMap((part) => pairs.map((pair) => pair[part] ?? 0))
}
