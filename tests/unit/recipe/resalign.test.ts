import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const recipe = fileURLToPath(new URL('../../../models/pictogram/', import.meta.url))
const python = `${recipe}.venv/bin/python`

test.skipIf(!existsSync(python))(
  'five steps of ResAlign are those of its reference in NumPy (needs the recipe’s Python environment)',
  async () => {
    const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', '-m', 'align.resalign_check'], {
      cwd: recipe,
    })
    expect(stdout).toMatch(/^passed: ResAlign differs from its reference by \S+e-1\d/m)
  },
  10 * 60_000,
)
