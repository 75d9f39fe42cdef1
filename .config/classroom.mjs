/** `npm run classroom`: builds the page and puts it into one ZIP for a USB stick or a laptop in the room. */
import { createWriteStream, readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate'
import { run, setup } from './setup.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = join(ROOT, 'dist')
const OUT = join(ROOT, 'spqr-web-classroom.zip')
const FOLDER = 'spqr-web'
/** Maps of the source are of no use in a class. */
const LEFT_OUT = /\.map$/
const SMALLER = /\.(html|js|mjs|css|json|svg|txt|wasm|webmanifest)$/

/** Files of the ZIP by their path in it. */
export function classroomFiles(dist = DIST) {
  const built = readdirSync(dist, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !LEFT_OUT.test(file))
    .map((file) => [relative(dist, file).split(sep).join('/'), file])
  const own = ['serve.mjs', 'START.txt'].map((name) => [name, join(ROOT, '.config', 'classroom', name)])
  return new Map([...built, ...own])
}

/** Writes the ZIP; returns its bytes. */
export function writeZip(files, out) {
  return new Promise((resolve, reject) => {
    const target = createWriteStream(out)
    target.on('error', reject)
    const zip = new Zip((error, data, final) => {
      if (error) return reject(error)
      target.write(data)
      if (final) target.end(() => resolve(statSync(out).size))
    })
    for (const [path, file] of files) {
      const entry = SMALLER.test(path)
        ? new ZipDeflate(`${FOLDER}/${path}`, { level: 6 })
        : new ZipPassThrough(`${FOLDER}/${path}`)
      zip.add(entry)
      entry.push(readFileSync(file), true)
    }
    zip.end()
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup()
  if (run('npx', ['vite', 'build', '--logLevel', 'warn']) !== 0) process.exit(1)
  const bytes = await writeZip(classroomFiles(), OUT)
  console.log(
    `spqr-web-classroom.zip, ${(bytes / 1e6).toFixed(1)} MB: unpack it on a stick or a laptop, then in its folder`,
  )
  console.log('  node serve.mjs')
  console.log('and open the address that it prints. START.txt says the same.')
}
