/** `npm start`: installs, builds, serves, prints the URL. */
import { run, setup } from './setup.mjs'

setup()
process.exit(run('npx', ['vite', 'build']) || run('npx', ['vite', 'preview', ...process.argv.slice(2)]))
