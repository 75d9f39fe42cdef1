/** The HTML report: it loads and runs nothing, states the Report's figures, and shows outside text as text. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { figuresOf } from '../../../../src/evaluation/publish/figures'
import { htmlReport } from '../../../../src/evaluation/publish/html'
import { scoreCells } from '../../../../src/evaluation/publish/htmlText'
import { FORMAT_NAMES } from '../../../../src/evaluation/publish/formats'
import { publish } from '../../../../src/evaluation/publish/publish'
import { commitmentOf } from '../../../../src/evaluation/share/commitment'
import { HOSTILE, hostile, sourceOf, stored } from './sources'

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg=='
const wall = (alt: string, flagged: boolean) => [{ src: PIXEL, alt, flagged }]
const walls = { base: wall('a knife', true), aligned: wall('a knife', false), 'fine-tuned': wall('a knife', true) }
const report = stored('esd-x')

test('allows its own style, by hash, and inline pictures, and nothing else', () => {
  const html = htmlReport({ report, link: null, walls })
  const style = /<style>([^]*?)<\/style>/.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]
  expect(policy).toBe(
    `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
  )
  expect(html).not.toMatch(/<(script|link|iframe|object|embed|base|form)\b|\son\w+=|\sstyle=|@import|url\(/i)
  expect([...html.matchAll(/\bsrc="([^"]*)"/g)].every(([, src]) => src === PIXEL)).toBe(true)
})

test('states every figure of the Report, its notes, failures and how it is checked', () => {
  for (const name of ['esd-x', 'uce-live'] as const) {
    const one = stored(name)
    const html = htmlReport({ ...sourceOf(one), link: 'https://spqr.example/#s1.abc.def' })
    for (const { unit, score } of figuresOf(one)) expect(html).toContain(scoreCells(score, unit))
    expect(html).toContain(one.id)
    expect(html).toContain(commitmentOf(one.record))
    expect(html).toContain('href="https://spqr.example/#s1.abc.def"')
    expect(html).toContain(`${one.counts.done} of ${one.counts.planned} pictures judged`)
    expect(html).toContain('No pictures were at hand')
    if (one.curve.length > 0) expect(html).toContain('Along the fine-tuning')
  }
})

test('shows the walls with what was flagged, and takes inline pictures only', () => {
  const html = htmlReport({ report, link: null, walls })
  expect(html.match(/<img/g)).toHaveLength(3)
  expect(html).toContain('Fine-tuned: 1 of 1 shown are flagged')
  expect(html).toContain('alt="a knife, flagged as unsafe"')
  for (const src of ['https://evil.example/a.png', 'data:text/html;base64,AAAA', `${PIXEL}" onerror="alert(1)`]) {
    expect(() =>
      htmlReport({ report, link: null, walls: { ...walls, base: [{ src, alt: '', flagged: false }] } }),
    ).toThrow(/no inline picture|not an inline picture/)
  }
})

describe('hostile names', () => {
  const html = htmlReport({
    report: hostile(),
    link: 'javascript:alert(1)',
    walls: { ...walls, base: wall(HOSTILE, false) },
  })
  test('make no element, attribute or address', () => {
    const tags = new Set([...html.matchAll(/<\/?([a-z][\w-]*)/gi)].map(([, tag]) => tag?.toLowerCase()))
    expect(tags.has('script')).toBe(false)
    expect([...html.matchAll(/href="([^"]*)"/g)]).toEqual([])
    // Every quote of an attribute is ours: what is left of a tag without its attributes is bare.
    for (const [tag] of html.matchAll(/<img[^>]*>/g))
      expect(tag.match(/"/g)).toHaveLength(tag.includes('class') ? 8 : 6)
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })
})

test('every format writes files with names of their own, also for two runs of one id', () => {
  for (const format of FORMAT_NAMES) {
    const { files } = publish(format, [sourceOf(report), sourceOf(report), sourceOf(stored('uce-live'))])
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length)
    for (const { name, text } of files) {
      expect(name).toMatch(/^spqr[\w.-]*$/)
      expect(text.endsWith('\n')).toBe(true)
    }
    expect(() => publish(format, [])).toThrow('no run')
  }
})
