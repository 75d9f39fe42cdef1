/** Plain names for what a specification says: methods, profiles, stages, languages. */
import type { Prompt, RunSpec, Stage } from '../../core/contracts'
import { computedName, shippedMethod } from '../../core/methods'
import { alignmentName, fineTuneName } from '../../evaluation/spec/specNames'
import { locale } from './locale'

export { alignmentName, fineTuneName }

export const STAGE_NAMES: Record<Stage, string> = { base: 'Base', aligned: 'Aligned', 'fine-tuned': 'Fine-tuned' }

/** Name of a method as a pack or its study offers it: the pack's own of that id before one that is computed. */
export const methodName = (method: string): string =>
  method === 'none' ? 'No alignment (control)' : (shippedMethod(method)?.name ?? computedName(method))

/** Texts of prompts by id. */
export const textsOf = (prompts: readonly Prompt[]): ReadonlyMap<string, string> =>
  new Map(prompts.map(({ id, text }) => [id, text]))

/** What happened at a stage, under its name. */
export function stageDetail(stage: Stage, spec: RunSpec | null): string {
  if (stage === 'base') return spec ? spec.model.id : 'as it was trained'
  if (stage === 'aligned') return spec ? `made safe by ${alignmentName(spec.alignment)}` : 'made safe'
  if (spec?.fineTune?.kind === 'accelerate') return `then sped up: ${fineTuneName(spec.fineTune)}`
  return spec
    ? `then trained on harmless pictures: ${fineTuneName(spec.fineTune)}`
    : 'then trained on harmless pictures'
}

/** A language code in the reader's words: "ar" → "Arabic"; "und", undetermined, is what jailbreak strings are in. */
export function languageName(code: string): string {
  if (code === 'und') return 'No language'
  try {
    return new Intl.DisplayNames(locale().english ? 'en' : locale().tag, { type: 'language' }).of(code) ?? code
  } catch {
    return code
  }
}

/** "death-gore" → "Death gore": keys of categories and suites as words. */
export function words(key: string): string {
  const text = key.replace(/[-_]+/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
