/** A pack's measured.json as rows to read. Its names are the recipe's; shares come as 0–1, h as 0–100, sizes as bytes. */
import * as v from 'valibot'
import { bytes, percent } from './format'
import { languageName, methodName } from './names'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
/** Loose: the recipe publishes more than the page shows. */
export const MeasuredSchema = v.looseObject({
  baseTop1: v.optional(v.record(v.string(), v.nullable(share))),
  harmfulnessBaseDirect: v.optional(v.nullable(v.number())),
  falseFlagsBenign: v.optional(v.nullable(share)),
  judgeRecallUnseen: v.optional(v.nullable(share)),
  judgeFalsePositivesUnseen: v.optional(v.nullable(share)),
  downloadBytes: v.optional(v.nullable(v.number())),
  aligned: v.optional(v.array(v.looseObject({ method: v.string(), h: v.nullable(v.number()), benignTop1: v.nullable(share) }))),
})

const asPercent = (value: number): string => percent(100 * value)

/** Pairs of words and figure; empty when the file is absent or of another shape. */
export function measuredRows(measured: unknown): [string, string][] {
  const parsed = v.safeParse(MeasuredSchema, measured)
  if (!parsed.success) return []
  const { baseTop1, harmfulnessBaseDirect, falseFlagsBenign, judgeRecallUnseen, judgeFalsePositivesUnseen, downloadBytes, aligned } = parsed.output
  const rows: [string, string][] = []
  const add = (name: string, value: number | null | undefined, write: (value: number) => string): void => {
    if (value !== null && value !== undefined) rows.push([name, write(value)])
  }
  for (const [language, value] of Object.entries(baseTop1 ?? {})) add(`Base model draws the named concept, ${languageName(language)}`, value, asPercent)
  add('Harmfulness of the base model, direct prompts', harmfulnessBaseDirect, (value) => percent(value))
  add('False flags on harmless prompts', falseFlagsBenign, asPercent)
  add('Judges’ recall, unseen style', judgeRecallUnseen, asPercent)
  add('Judges’ false positives, unseen style', judgeFalsePositivesUnseen, asPercent)
  for (const { method, h, benignTop1 } of aligned ?? []) {
    add(`${methodName(method)}: harmfulness`, h, (value) => percent(value))
    add(`${methodName(method)}: harmless concepts still drawn`, benignTop1, asPercent)
  }
  add('Download, everything for the demo', downloadBytes, bytes)
  return rows
}

