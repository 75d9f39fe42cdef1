import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const recipe = fileURLToPath(new URL('../../../models/pictogram/', import.meta.url))
const python = `${recipe}.venv/bin/python`
const missing = [python, `${recipe}node_modules`].filter((path) => !existsSync(path))
const MINUTES = 60_000

/** The recipe needs torch and the artwork: its README says how to install both; without them this is skipped, and says so. */
describe('the recipe of the demo model', () => {
  test.skipIf(missing.length > 0)(
    `leaves the same bytes in two smoke runs${missing.length > 0 ? ' (skipped: the recipe is not installed, see models/pictogram/README.md)' : ''}`,
    async () => {
      const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', 'smoke_test.py'], { cwd: recipe })
      expect(stdout).toMatch(/^passed: \d+ files are the same/m)
    },
    20 * MINUTES,
  )
})
