/** `npm run golden:update [topic …]`: makes the golden data again with the reference Python packages; review the diff. */
import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { run } from './setup.mjs'

const python = ['models/pictogram/.venv/bin/python', 'models/pictogram/.venv/Scripts/python.exe'].find((path) =>
  existsSync(path),
)
if (!python) {
  console.error(
    'No Python environment: run "python3 -m venv models/pictogram/.venv" and install models/pictogram/requirements.txt into it, then run this again.',
  )
  process.exit(1)
}
const wanted = process.argv.slice(2)
const topics = readdirSync('tests/golden').filter(
  (topic) => existsSync(`tests/golden/${topic}/make.py`) && (!wanted.length || wanted.includes(topic)),
)
/** What Python runs for each, and in which folder. */
const scripts = topics.map((topic) => ({ args: [`tests/golden/${topic}/make.py`], folder: '.' }))
if (!wanted.length || wanted.includes('pictogram')) {
  scripts.push({ args: ['-m', 'measure.golden'], folder: 'models/pictogram' })
}
const failed = scripts
  .filter(({ args, folder }) => {
    console.log(`== ${folder}: python ${args.join(' ')}`)
    return run(resolve(python), args, { cwd: folder }) !== 0
  })
  .map(({ args }) => args.join(' '))
if (failed.length) console.error(`Failed: ${failed.join(', ')}`)
process.exit(failed.length ? 1 : 0)
