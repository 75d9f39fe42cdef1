/** Type-checks every folder under its own rules: core without DOM, workers as workers, the page with DOM. */
import { run } from './setup.mjs'

const projects = ['src/core', 'src/evaluation', 'src/runtime', 'workers', 'src/cli', 'tests']
let failed = 0
for (const project of projects) failed += run('npx', ['tsc', '-p', project]) === 0 ? 0 : 1
failed +=
  run('npx', ['svelte-check', '--workspace', 'src', '--tsconfig', './tsconfig.json', '--fail-on-warnings']) === 0
    ? 0
    : 1
process.exit(failed === 0 ? 0 : 1)
