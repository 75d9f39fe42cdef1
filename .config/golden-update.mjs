/** `npm run golden:update [topic …]`: makes the golden data again with the reference Python packages; review the diff. */
import { existsSync, readdirSync } from 'node:fs'
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
const scripts = topics.map((topic) => `tests/golden/${topic}/make.py`)
if (!wanted.length || wanted.includes('pictogram')) scripts.push('models/pictogram/golden.py')
const failed = scripts.filter((script) => {
  console.log(`== ${script}`)
  return run(python, [script]) !== 0
})
if (failed.length) console.error(`Failed: ${failed.join(', ')}`)
process.exit(failed.length ? 1 : 0)
