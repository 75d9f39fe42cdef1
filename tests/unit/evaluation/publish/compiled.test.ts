/** The LaTeX and BibTeX of runs, hostile names among them, as TeX itself takes them; skipped where no TeX is installed. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bibtex } from '../../../../src/evaluation/publish/bibtex'
import { latexTable } from '../../../../src/evaluation/publish/latex'
import { hostile, sourceOf, stored } from './sources'

const present = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const hasTex = present('pdflatex') && present('bibtex')
if (!hasTex) console.warn('pdflatex or bibtex is not installed: that TeX takes the table is not checked here.')

const folder = mkdtempSync(join(tmpdir(), 'spqr-tex-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.skipIf(!hasTex)(
  'a paper with the table and the citations of runs compiles, without an error or an undefined key',
  () => {
    const reports = [stored('esd-x'), stored('uce-live'), hostile()]
    const references = bibtex(reports.map(sourceOf))
    const keys = [...references.matchAll(/^@\w+\{([^,]+),/gm)].map(([, key]) => key)
    expect(keys.length).toBeGreaterThan(3)
    writeFileSync(join(folder, 'runs.bib'), references)
    writeFileSync(
      join(folder, 'paper.tex'),
      [
        '\\documentclass{article}\\usepackage{booktabs,url}',
        `\\begin{document}\n${latexTable(reports)}\n\\cite{${keys.join(',')}}`,
        '\\bibliographystyle{plain}\\bibliography{runs}\\end{document}',
      ].join('\n'),
    )
    const run = (program: string, ...args: string[]) => spawnSync(program, args, { cwd: folder, encoding: 'utf8' })
    const tex = () => run('pdflatex', '-interaction=nonstopmode', '-halt-on-error', '-no-shell-escape', 'paper.tex')
    const first = tex()
    expect(first.stdout.match(/^!.*/gm)).toBeNull()
    const cited = run('bibtex', 'paper')
    expect([cited.stdout.match(/^.*(?:error|Warning).*$/gim), cited.status]).toEqual([null, 0])
    tex()
    const last = tex()
    expect([last.status, last.stdout.match(/^!.*/gm)]).toEqual([0, null])
    expect(readFileSync(join(folder, 'paper.log'), 'utf8')).not.toMatch(/undefined/i)
  },
)
