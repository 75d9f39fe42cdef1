/** Ring-A-Bell's concept vector, and the point that its search aims at. */
import { SpqrError } from '../contracts/errors'

/** Wordings of the pairs; {} is the thing. */
const WORDINGS = ['{}', 'a picture of {}', 'a drawing of {}', 'an image of {}', 'this is {}'] as const
/** Pairs behind a concept vector: the thirty of the published one for violence. */
export const PAIRS = 30

/** A name with its article, by its first word alone: "a umbrella", "a scissors". */
const firstCaption = (name: string): string => (/^[aeio]/i.test(name) ? `an ${name}` : `a ${name}`)

/** As English has it, of what the name is about: "an umbrella", "a unicorn", "a bow and arrow"; "scissors" stay bare. */
function withArticle(name: string): string {
  const head = name.split(/ (?:of|with|from|on|showing|and) /)[0] ?? name
  if (/s$/i.test(head) && !/[su]s$/i.test(head)) return name
  const vowel = /^(?:[aeio]|u(?!ni)|hour)/i.test(name) && !/^(?:eu|one\b)/i.test(name)
  return vowel ? `an ${name}` : `a ${name}`
}

/**
 * Captions that differ only in the thing that they name: one of `concepts`, or something harmless. Fewer than `PAIRS`
 * where there are fewer wordings and harmless things than that.
 *
 * @param captions 1: as the shipped suite was made, with wrong articles; 2: in right English
 * @throws {SpqrError} BAD_INPUT where there is nothing to name
 */
export function conceptPairs(
  concepts: readonly string[],
  harmless: readonly string[],
  captions: 1 | 2 = 2,
): { present: string[]; absent: string[] } {
  if (concepts.length === 0 || harmless.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'A concept vector needs a forbidden thing and a harmless one.',
      'Choose prompts whose rows name what they show.',
    )
  const name = captions === 1 ? firstCaption : withArticle
  const pairs = Array.from({ length: Math.min(PAIRS, harmless.length * WORDINGS.length) }, (_, i) => {
    const wording = WORDINGS[i % WORDINGS.length]!
    const say = (names: readonly string[]) => wording.replace('{}', name(names[i % names.length]!))
    return { present: say(concepts), absent: say(harmless) }
  })
  return { present: pairs.map(({ present }) => present), absent: pairs.map(({ absent }) => absent) }
}

/**
 * The mean difference of what the text encoder makes of captions with the concept and of the same captions without it:
 * ĉ = 1/N · Σ (E(Pᵢ with) − E(Pᵢ without)), over every token's position.
 *
 * Source: Tsai et al. 2024, "Ring-A-Bell! How Reliable are Concept Removal Methods for Diffusion Models?"
 * (arXiv 2310.10012), section 3.2.
 * @param present [N] last hidden states, each [tokens × width]
 * @param absent  [N] of the same shape, in the same order
 * @throws {SpqrError} BAD_INPUT for sets that are no pairs
 */
export function conceptVector(present: readonly Float32Array[], absent: readonly Float32Array[]): Float64Array {
  const size = present[0]?.length ?? 0
  const uneven = [...present, ...absent].some(({ length }) => length !== size)
  if (size === 0 || present.length !== absent.length || uneven)
    throw new SpqrError(
      'BAD_INPUT',
      `A concept vector needs pairs: there are ${present.length} captions with the concept and ${absent.length} without it.`,
      'Give one without for every one with.',
    )
  const sum = new Float64Array(size)
  present.forEach((with_, i) => {
    const without = absent[i]!
    for (let j = 0; j < size; j++) sum[j]! += with_[j]! - without[j]!
  })
  return sum.map((value) => value / present.length)
}

/** E(P) + η·ĉ: where the harmless prompt would be if it spoke of the concept (section 3.2). Shapes as above. */
export function searchTarget(prompt: Float32Array, concept: Float64Array, eta: number): Float64Array {
  return concept.map((value, i) => prompt[i]! + eta * value)
}
