/** LaTeX, Markdown, BibTeX, methods, model card and badge: figures are the Report's, and outside names stay text. */
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { badge } from '../../../../src/evaluation/publish/badge'
import { bibtex } from '../../../../src/evaluation/publish/bibtex'
import { figuresOf, written, writtenInterval } from '../../../../src/evaluation/publish/figures'
import { latexTable, latexText } from '../../../../src/evaluation/publish/latex'
import { markdownTables, markdownText } from '../../../../src/evaluation/publish/markdown'
import { methodsParagraph } from '../../../../src/evaluation/publish/methods'
import { modelCard, modelCardNotes } from '../../../../src/evaluation/publish/modelCard'
import { commitmentOf } from '../../../../src/evaluation/share/commitment'
import type { Report } from '../../../../src/core/contracts'
import { HOSTILE, hostile, sourceOf, stored } from './sources'

const reports = [stored('esd-x'), stored('uce-live')]
/** A run whose figures are all ordinary. */
const plain: Report = {
  ...stored('esd-x'),
  scores: {
    S: { value: 0.9375, low: 0.8501, high: 0.9754, n: 64 },
    P: { value: 0.8012, low: 0.71, high: 0.8899, n: 64 },
    Q: { value: 0.05, low: 0.05, high: 0.05, n: 64 },
    R: { value: 1.9e-22, low: 0, high: 0.5, n: 64 },
    SPQR: { value: 0.7405, low: 0.7, high: 0.78, n: 64 },
  },
  drift: { ...stored('esd-x').drift, value: -51.5625, low: -64.0625, high: 35.94 } as Report['drift'],
}

test('figures have at most three digits behind the point and are never rounded to a false 0', () => {
  expect(written(1.9e-22, 'share')).toBe('<0.001')
  expect(written(0, 'share')).toBe('0.000')
  expect(written(-0.01, 'points')).toBe('0.0')
  expect(written(51.56, 'points')).toBe('+51.6')
  expect(written(259.87, 'distance')).toBe('259.9')
})

describe('LaTeX', () => {
  test('states the Report’s figures with their intervals', () => {
    expect(latexTable([plain])).toContain(
      '& $0.938$ {\\scriptsize [$0.850$, $0.975$]} & $0.801$ {\\scriptsize [$0.710$, $0.890$]} & $0.050$ {\\scriptsize [$0.050$, $0.050$]} & $<0.001$ {\\scriptsize [$0.000$, $0.500$]} & $0.741$ {\\scriptsize [$0.700$, $0.780$]} & $-51.6$ {\\scriptsize [$-64.1$, $+35.9$]} \\\\',
    )
  })
  test('has a row a run and as many columns everywhere', () => {
    const lines = latexTable([...reports, hostile()]).split('\n')
    const rows = lines.filter((line) => line.trim().endsWith('\\\\'))
    expect(rows).toHaveLength(4)
    for (const row of rows) expect(row.match(/(?<!\\)&/g)).toHaveLength(6)
    expect(lines.join('\n').match(/\\(toprule|midrule|bottomrule)/g)).toHaveLength(3)
  })
  test('makes no command, comment or math of outside text', () => {
    const bare = latexText(`${HOSTILE}\\write18{ls}^^41`)
      .replace(/\\(?:text\w+|ensuremath|symbol)\{(?:\\\w+|34)?\}/g, '')
      .replace(/\\[{}$&#_%]/g, '')
      .replace(/-\{\}/g, '-')
    expect(bare).not.toMatch(/[\\{}$&#^_%~\n]/)
    for (const letter of '\\{}$&#^_%~<>|"`\'') expect(latexText(letter)).not.toBe(letter)
    const table = latexTable([hostile()])
    expect(table).not.toContain('\\input')
    let depth = 0
    for (const token of table.match(/\\.|[{}]/gs) ?? []) {
      if (token === '{') depth++
      if (token === '}') expect(--depth).toBeGreaterThanOrEqual(0)
    }
    expect(depth).toBe(0)
  })
})

describe('Markdown', () => {
  test('states every figure of the Report, its interval and n', () => {
    for (const report of reports) {
      const text = markdownTables([sourceOf(report)])
      for (const { label, unit, score } of figuresOf(report)) {
        if (score.value === null) continue
        const cells = [label, written(score.value, unit), writtenInterval(score, unit), score.n]
        expect(text).toContain(`| ${cells.join(' | ').replaceAll('<', '&lt;')} |`)
      }
      expect(text).toContain(commitmentOf(report.record))
    }
  })
  test('shows outside text as text', () => {
    const text = markdownTables([sourceOf(hostile())])
    expect(text).not.toContain('<script')
    expect(text).not.toMatch(/(?<!\\)\]\(/)
    expect(text).not.toMatch(/(?<!\\)`[^`\n]*a\]/)
    expect(text).not.toContain('@all')
    expect(text).not.toContain('https://evil')
    const rows = text.split('\n').filter((line) => line.startsWith('| '))
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(5)
    expect(markdownText('a|b_c*\n# d')).toBe('a\\|b\\_c\\* # d')
    for (const start of ['- a', '# a', '1. a', '+ a', '= a', '2) a']) expect(markdownText(start)).toMatch(/^\d*\\/)
  })
})

describe('BibTeX', () => {
  const entries = (text: string) =>
    [...text.matchAll(/^@(\w+)\{([^,\s]+),$/gm)].map(([, kind, key]) => `${kind} ${key}`)
  test('cites the benchmark, the tool and each run once, under keys of their own', () => {
    const text = bibtex([...reports, reports[0] as Report].map(sourceOf))
    expect(entries(text)).toEqual([
      'misc spqr2025',
      'misc spqr-web-0.1.0',
      `misc spqr-run-${reports[0]?.id.slice(0, 8)}`,
      `misc spqr-run-${reports[1]?.id.slice(0, 8)}`,
      `misc spqr-run-${reports[0]?.id.slice(0, 8)}-2`,
    ])
    expect(text).toContain('2511.19558')
    for (const { id, record } of reports) for (const fact of [id, commitmentOf(record)]) expect(text).toContain(fact)
  })
  test('hostile names open and close no entry', () => {
    const text = bibtex([{ ...sourceOf(hostile()), link: 'https://a.example/#s1.}x' }])
    expect(entries(text)).toHaveLength(3)
    expect(text).not.toContain('\\input')
    // BibTeX counts every brace, one behind a backslash too.
    const balance = [...text].reduce((sum, letter) => sum + (letter === '{' ? 1 : letter === '}' ? -1 : 0), 0)
    expect(balance).toBe(0)
  })
})

/** Every number and text in a value, whatever its depth. */
function leaves(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves)
  return typeof value === 'number' || typeof value === 'string' ? [String(value)] : []
}

test('the methods paragraph names every setting of the run', () => {
  const own: Report = structuredClone(reports[1] as Report)
  if (own.spec.fineTune?.kind !== 'live') throw new Error('The fixture was fine-tuned live.')
  own.spec.fineTune.optimiser = { beta1: 0.81, beta2: 0.912, epsilon: 3e-7, weightDecay: 0.0123, clipNorm: 1.25 }
  own.spec.fineTune.mitigation = { method: 'ema', eta: 0.987 }
  own.spec.fineTune.beneath = 'base'
  own.spec.scoring = { ...own.spec.scoring, promptCeiling: 0.317, fidBounds: { min: 7.5, max: 333 }, combine: 'all' }
  own.spec.scoring.thresholds = { [own.record.judges[0]?.id ?? '']: 0.4321 }
  const guided: Report = structuredClone(reports[0] as Report)
  guided.spec.alignment = { kind: 'inference', method: 'sld-medium', concepts: ['one thing', 'another'] }
  guided.spec.fineTune = {
    kind: 'file',
    name: 'a',
    sha256: '12'.repeat(32),
    strength: 0.35,
    more: [{ name: 'b', sha256: '34'.repeat(32), strength: 0.65 }],
  }
  for (const report of [...reports, own, guided]) {
    const text = methodsParagraph(report)
    const settings = { ...report.spec, schema: null }
    // Kinds are told in words.
    const told = leaves(settings).filter((leaf) => !['pack', 'file', 'closed-form', 'inference', 'live'].includes(leaf))
    expect(told.filter((leaf) => !text.includes(leaf))).toEqual([])
    expect(text.trim()).not.toContain('\n')
    expect(text).toContain(commitmentOf(report.record))
  }
})

describe('model card', () => {
  interface Card {
    'model-index': {
      name: string
      results: {
        task: { type: string }
        dataset: { type: string; name: string }
        metrics: { type: string; value: number; args: Record<string, number> }[]
        source: { name: string; url: string }
      }[]
    }[]
  }
  const read = (text: string): Card => {
    const [first] = parseAllDocuments(text)
    return (first as { toJS(): unknown }).toJS() as Card
  }
  test('holds every figure that has a value to the last digit, and says which have none', () => {
    const card = read(modelCard(reports.map(sourceOf)))
    expect(card['model-index']).toHaveLength(2)
    reports.forEach((report, i) => {
      const [result] = card['model-index'][i]?.results ?? []
      expect(result).toMatchObject({ task: { type: 'text-to-image' }, dataset: { type: 'spqr' } })
      const known = figuresOf(report).filter(({ score }) => score.value !== null)
      expect(result?.metrics.map(({ value, args }) => [value, args.low_95, args.high_95, args.n])).toEqual(
        known.map(({ score }) => [score.value, score.low, score.high, score.n]),
      )
    })
    expect(modelCardNotes(sourceOf(hostile()))[0]).toContain('leaves out Q')
  })
  test('reads the same with YAML 1.1, and keeps hostile names one text', () => {
    for (const version of ['1.1', '1.2'] as const) {
      const text = modelCard([sourceOf(hostile())]).replace(/^---\n|\n---\n$/g, '')
      const card = parse(text, { version }) as Card
      expect(Object.keys(card)).toEqual(['model-index'])
      expect(card['model-index'][0]?.name).toContain('</script>')
      for (const { value } of card['model-index'][0]?.results[0]?.metrics ?? []) expect(value).toBeTypeOf('number')
    }
  })
})

test('the badge says SPQR with its interval, or that there is none', () => {
  expect(badge(plain)).toContain('>0.74 (0.70–0.78)</text>')
  expect(badge(reports[0] as Report)).toContain('&lt;0.01 (&lt;0.01–0.16)')
  const none = { value: null, low: null, high: null, n: 0, reason: 'None.' } as const
  expect(badge({ ...plain, scores: { ...plain.scores, SPQR: none } })).toContain('>no value</text>')
})
