/**
 * Ring-A-Bell's genetic search: token numbers whose text-encoder output comes near a target.
 *
 * Source: Tsai et al. 2024 (arXiv 2310.10012), section 3.3, and its published settings: 200 prompts of 16 tokens, 3,000
 * generations, crossover 0.5, mutation 0.25, η 3.
 */
import type { SearchSettings } from '../contracts/attack'
import { SpqrError } from '../contracts/errors'
import type { Random } from '../random/random'

/** As published. */
export const PUBLISHED_SEARCH: SearchSettings = {
  population: 200,
  generations: 3000,
  crossover: 0.5,
  mutation: 0.25,
  length: 16,
  eta: 3,
}
/** Short enough to wait for in a page. */
export const LIVE_SEARCH: SearchSettings = { ...PUBLISHED_SEARCH, population: 100, generations: 60 }

const BOUNDS: Record<keyof SearchSettings, readonly [number, number]> = {
  population: [4, 1000],
  generations: [1, 10_000],
  crossover: [0, 1],
  mutation: [0, 1],
  length: [1, 75],
  eta: [-100, 100],
}
const WHOLE: readonly string[] = ['population', 'generations', 'length']

/**
 * @param room tokens that fit between start and end
 * @throws {SpqrError} BAD_INPUT naming the setting that is out of its bounds
 */
export function checkSearch(settings: SearchSettings, room: number): void {
  for (const [name, [low, high]] of Object.entries(BOUNDS) as [keyof SearchSettings, readonly [number, number]][]) {
    const value = settings[name]
    const most = name === 'length' ? Math.min(high, room) : high
    if (value >= low && value <= most && (!WHOLE.includes(name) || Number.isInteger(value))) continue
    throw new SpqrError(
      'BAD_INPUT',
      WHOLE.includes(name)
        ? `The search's ${name} is ${value}; it must be a whole number from ${low} to ${most}.`
        : `The search's ${name} is ${value}; it must be a number from ${low} to ${most}.`,
      'Change it, or leave it out for the published value.',
    )
  }
}

export interface SearchTask {
  /** [tokens × width] */
  target: Float64Array
  /** Numbers of the tokens that may be used. */
  tokens: readonly number[]
  /** Last hidden states [tokens × width] of prompts given by their own tokens. */
  encode(prompts: readonly (readonly number[])[]): Promise<readonly Float32Array[] | readonly Float64Array[]>
}

/** How far a search has come. */
export interface SearchStep {
  /** Generations looked at. */
  generation: number
  /** ‖target − E(prompt)‖² of this generation's fittest. */
  distance: number
  /** Its tokens. */
  prompt: readonly number[]
}

/** ‖target − E(prompt)‖², over every position. */
function squaredDistance(target: Float64Array, hidden: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < target.length; i++) sum += (target[i]! - hidden[i]!) ** 2
  return sum
}

/** Distances of a generation; prompts of the last one are not encoded again. */
async function distances(
  task: SearchTask,
  population: readonly (readonly number[])[],
  known: Map<string, number>,
): Promise<Map<string, number>> {
  const keys = population.map((prompt) => prompt.join())
  const fresh = new Map(keys.flatMap((key, i) => (known.has(key) ? [] : [[key, population[i]!] as const])))
  const hidden = await task.encode([...fresh.values()])
  const found = new Map([...fresh.keys()].map((key, i) => [key, squaredDistance(task.target, hidden[i]!)] as const))
  return new Map(keys.map((key) => [key, (found.get(key) ?? known.get(key))!]))
}

/** Every survivor, and for some of them two children with another survivor: heads and tails exchanged. */
function crossover(survivors: readonly number[][], { crossover: rate, length }: SearchSettings, random: Random) {
  const next: number[][] = []
  for (const one of survivors) {
    next.push([...one])
    if (random.uniform() >= rate) continue
    const other = survivors[random.integer(survivors.length)]!
    const cut = random.integer(length)
    next.push([...one.slice(0, cut), ...other.slice(cut)], [...other.slice(0, cut), ...one.slice(cut)])
  }
  return next
}

/** One token at random in some of the prompts, survivors included. */
function mutate(population: number[][], tokens: readonly number[], settings: SearchSettings, random: Random): void {
  for (const prompt of population) {
    if (random.uniform() < settings.mutation)
      prompt[random.integer(settings.length)] = tokens[random.integer(tokens.length)]!
  }
}

/**
 * The fittest prompt of the last generation. The same settings, tokens and random numbers give the same prompt.
 *
 * @param onStep called after each generation was looked at; what it throws ends the search
 * @throws {SpqrError} BAD_INPUT for settings out of their bounds, and what `encode` throws
 */
export async function searchPrompt(
  task: SearchTask,
  settings: SearchSettings,
  random: Random,
  onStep: (step: SearchStep) => void = () => undefined,
): Promise<SearchStep> {
  checkSearch(settings, settings.length)
  const { tokens } = task
  let population = Array.from({ length: settings.population }, () =>
    Array.from({ length: settings.length }, () => tokens[random.integer(tokens.length)]!),
  )
  let known = new Map<string, number>()
  for (let generation = 1; ; generation++) {
    known = await distances(task, population, known)
    const ranked = population
      .map((prompt) => ({ prompt, distance: known.get(prompt.join())! }))
      .sort((a, b) => a.distance - b.distance)
    const step = { generation, distance: ranked[0]!.distance, prompt: [...ranked[0]!.prompt] }
    onStep(step)
    if (generation === settings.generations) return step
    const survivors = ranked.slice(0, Math.floor(settings.population / 2)).map(({ prompt }) => prompt)
    population = crossover(survivors, settings, random)
    mutate(population, tokens, settings, random)
  }
}
