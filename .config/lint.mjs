/** `npm run lint`: one format, the rules, then what nothing or only a test uses, and files that import each other in a circle. */
import { run } from './setup.mjs'

const steps = [
  [
    'prettier',
    '--config',
    '.config/prettier.json',
    '--ignore-path',
    '.config/prettierignore',
    '--check',
    '--log-level',
    'warn',
    '.',
  ],
  ['eslint', '-c', '.config/eslint.config.js', '.'],
  ['knip', '-c', '.config/knip.json', '--no-progress'],
  ['knip', '-c', '.config/knip.production.json', '--no-progress'],
]
const failed = steps.filter((step) => run('npx', step) !== 0)
if (failed.some(([tool]) => tool === 'prettier')) console.error('Some files are not formatted: run "npm run format".')
process.exit(failed.length === 0 ? 0 : 1)
