/** The Reports that version 0.1.0 wrote, and one whose every outside name attacks what it is written into. */
import { readFileSync } from 'node:fs'
import type { Report } from '../../../../src/core/contracts'
import type { Source } from '../../../../src/evaluation/publish/source'

export const stored = (name: 'esd-x' | 'uce-live'): Report =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/0.1.0/${name}.report.json`, import.meta.url), 'utf8')) as Report

export const sourceOf = (report: Report): Source => ({ report, link: null, walls: null })

/** Breaks out of HTML, attributes, LaTeX, YAML, Markdown, CSV and spreadsheets where it is not escaped. */
export const HOSTILE =
  '=HYPERLINK("https://evil.example","x")\n"><script>alert(1)</script>\' %}\\input{/etc/passwd} $^_~&#|`[a](javascript:b) @all: ---'

/** A report with the hostile text wherever a name from outside can stand. */
export function hostile(text = HOSTILE): Report {
  const report = stored('esd-x')
  const spec: Report['spec'] = {
    ...report.spec,
    model: { ...report.spec.model, id: text, version: text },
    alignment: { kind: 'file', name: text, sha256: 'ab'.repeat(32), strength: 1 },
    fineTune: { kind: 'pack', id: text, sha256: 'cd'.repeat(32) },
    prompts: { ...report.spec.prompts, harmful: report.spec.prompts.harmful.map((one) => ({ ...one, suite: text })) },
  }
  const outcomes = report.record.outcomes.map((outcome) => ({
    ...outcome,
    promptId: `${text}${outcome.promptId}`,
    category: text,
    concept: text,
    suite: text,
  }))
  return {
    ...report,
    spec,
    createdAt: text,
    environment: { ...report.environment, app: text, userAgent: text },
    notes: [text],
    categories: report.categories.map((cell) => ({ ...cell, key: text })),
    scores: { ...report.scores, Q: { value: null, low: null, high: null, n: 0, reason: text } },
    record: { ...report.record, spec, createdAt: text, outcomes },
  }
}
