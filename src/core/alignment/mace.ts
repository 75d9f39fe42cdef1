/** MACE, stage 1: the words around a concept are mapped to what they are without it. */
import type { EditOptions, EditRows, LowRank, Projections } from './closedForm'
import { coOccurringRows, type EncodedText, type EncodeTexts } from './rows'
import { uce } from './uce'

/** Prompts around the concept: the words behind it are what stage 1 edits. */
const MACE_TEMPLATES = [
  '{}',
  '{}, simple drawing',
  'a picture of {} in noto style',
  'a drawing of {} on a white background',
] as const

/**
 * MACE, stage 1 (Lu et al., CVPR 2024, eq. 3): the same solution over the tokens that co-occur with the concept
 * (see `coOccurringRows`), each mapped to itself in the prompt where the guide stands in the concept's place.
 */
export function mace(weights: Projections, rows: EditRows, options: EditOptions): Map<string, LowRank> {
  return uce(weights, rows, options)
}

/** The rows of stage 1: every concept in every template, towards the same words around the guide. */
export async function maceRows(
  concepts: readonly string[],
  guide: string,
  kept: readonly EncodedText[],
  dimension: number,
  encode: EncodeTexts,
) {
  const forms = concepts.flatMap((concept) => MACE_TEMPLATES.map((template) => ({ concept, template })))
  const fill = (template: string, subject: string): string => template.replace('{}', subject).trim()
  // Everything up to the concept, encoded alone, tells where its last token is.
  const upTo = (template: string, subject: string): string =>
    fill(template.slice(0, template.indexOf('}') + 1), subject)
  const ends = async (subject: (concept: string) => string): Promise<number[]> =>
    (await encode(forms.map(({ concept, template }) => upTo(template, subject(concept))))).map(
      ({ tokens }) => tokens - 1,
    )
  return coOccurringRows(
    await encode(forms.map(({ concept, template }) => fill(template, concept))),
    await encode(forms.map(({ template }) => fill(template, guide))),
    await ends((concept) => concept),
    await ends(() => guide),
    kept,
    dimension,
  )
}
