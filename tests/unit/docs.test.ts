/** What the documents promise is there: files, commands, sections; and the README stays one page. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const NOT_OURS = new Set(['node_modules', '.venv', '.git', 'dist', 'test-results'])
/** Every Markdown file below a folder, by its path in the repository. */
const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name) && !name.startsWith('.cache'))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return markdown(path)
      return entry.name.endsWith('.md') ? [path] : []
    })
const documents = markdown('')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** As GitHub makes the anchor of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading ?? ''))

test('the README is a page of at most 900 words', () => {
  // As `wc -w` counts.
  const words = read('README.md').trim().split(/\s+/)
  expect(words.length).toBeLessThanOrEqual(900)
})

test.each(documents)('%s links to what is there', (file) => {
  const broken = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^(https?:|mailto:)/.test(target))
    .filter((target) => {
      const [path = '', section] = target.split('#')
      const place = path === '' ? file : join(dirname(file), decodeURIComponent(path))
      if (!existsSync(join(root, place))) return true
      return section !== undefined && !anchorsOf(place).includes(section)
    })
  expect(broken).toEqual([])
})

test.each(documents)('%s names commands that package.json has', (file) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const unknown = [...read(file).matchAll(/\bnpm run ([\w:]+)/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => !(name in scripts))
  expect(unknown).toEqual([])
})

test.each(['CONTRIBUTING.md', 'src/README.md'])('%s names files and folders that are there', (file) => {
  const named = [...read(file).matchAll(/`([^`\s]+)`/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => /^[.\w][\w./-]*\/[\w./-]*$/.test(name) && !/<|\*/.test(name) && name !== 'src/a/b.ts')
    // An example, and what the reader makes.
    .filter((name) => name !== 'tests/unit/a/b.test.ts' && !name.endsWith('/.venv'))
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !existsSync(join(root, dirname(file), name)) && !existsSync(join(root, name)))).toEqual(
    [],
  )
})

test.each(['core', 'runtime', 'evaluation', 'state', 'ui'])('src/README.md names every room of %s', (part) => {
  const rowOf = (of: string) =>
    read('src/README.md')
      .split('\n')
      .find((line) => line.startsWith(`| \`${of}\` `)) ?? ''
  // The rooms of ui are those of state, and some more.
  const named = part === 'ui' ? rowOf('state') + rowOf('ui') : rowOf(part)
  const rooms = readdirSync(join(root, 'src', part), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
  expect(rooms.filter((room) => !named.includes(`\`${room}\``))).toEqual([])
})

test('CONTRIBUTING.md names every command', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const text = read('CONTRIBUTING.md')
  expect(
    Object.keys(scripts).filter((name) => !text.includes(`npm ${name}`) && !text.includes(`npm run ${name}`)),
  ).toEqual([])
})
