/**
 * Renders every drawing of world.json once, at 128×128 RGBA.
 *
 *   node world/artwork/render.mjs <cache folder> [list.json] [folder]
 *
 * Writes <cache>/drawings/rgba.bin (N × 128 × 128 × 4 bytes, straight alpha) and
 * <cache>/drawings/index.json ([{ concept, style, icon }], in file order).
 * With a list ([{ concept, style, package?, icon }]) it renders that one into <cache>/<folder> instead.
 * A few drawings abort the renderer process: each style is rendered in a child
 * process that is restarted behind the drawing that killed it, which is skipped.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const DRAWING_SIZE = 128
const HERE = dirname(fileURLToPath(import.meta.url))
const PACKAGES = join(HERE, '..', '..', 'node_modules')
const BYTES = DRAWING_SIZE * DRAWING_SIZE * 4

function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}

/** The SVG text of one icon of an Iconify set, aliases followed. */
function svgOf(set, name) {
  let icon = set.icons[name]
  for (let alias = set.aliases?.[name]; !icon && alias; alias = set.aliases?.[alias.parent]) {
    icon = set.icons[alias.parent]
  }
  if (!icon) throw new Error(`Icon ${name} is not in ${set.prefix}; run "python -m world.concepts" again.`)
  const width = icon.width ?? set.width ?? 16
  const height = icon.height ?? set.height ?? 16
  const left = icon.left ?? set.left ?? 0
  const top = icon.top ?? set.top ?? 0
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="${DRAWING_SIZE}" height="${DRAWING_SIZE}" viewBox="${left} ${top} ${width} ${height}">${icon.body}</svg>`
  )
}

/** Child: for each `style\ticon` line of argv[3] from index argv[4] on, write 128×128×4 bytes to stdout. */
async function renderInChild(listFile, start) {
  const { Resvg } = await import('@resvg/resvg-js')
  const { writeSync } = await import('node:fs')
  const sets = new Map()
  const list = JSON.parse(readFileSync(listFile, 'utf8'))
  for (const { style, package: set = style, icon } of list.slice(start)) {
    if (!sets.has(set)) {
      sets.set(set, JSON.parse(readFileSync(join(PACKAGES, '@iconify-json', set, 'icons.json'), 'utf8')))
    }
    const picture = new Resvg(svgOf(sets.get(set), icon), { font: { loadSystemFonts: false } }).render()
    const pixels = Buffer.from(picture.pixels) // premultiplied alpha
    for (let p = 0; p < BYTES; p += 4) {
      const alpha = pixels[p + 3]
      if (alpha === 0) continue
      for (let c = 0; c < 3; c++) pixels[p + c] = Math.min(255, Math.round((pixels[p + c] * 255) / alpha))
    }
    if (pixels.length !== BYTES) throw new Error(`${style} ${icon} rendered to ${pixels.length} bytes, not ${BYTES}.`)
    for (let sent = 0; sent < BYTES;) {
      try {
        sent += writeSync(1, pixels, sent)
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error
      }
    }
  }
}

/** Parent: run children until the list is done; returns pictures by index (null = skipped). */
async function renderAll(list, listFile) {
  const pictures = []
  while (pictures.length < list.length) {
    const child = spawn(
      process.execPath,
      [fileURLToPath(import.meta.url), '--child', listFile, String(pictures.length)],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    let rest = Buffer.alloc(0)
    for await (const chunk of child.stdout) {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= BYTES) {
        pictures.push(rest.subarray(0, BYTES))
        rest = rest.subarray(BYTES)
      }
    }
    if (pictures.length < list.length) {
      const { style, icon } = list[pictures.length]
      console.log(`skipped ${style} ${icon}: it aborts the renderer`)
      pictures.push(null)
    }
  }
  return pictures
}

/** The drawings of world.json. */
function drawingsOfWorld() {
  const world = JSON.parse(readFileSync(join(HERE, '..', 'world.json'), 'utf8'))
  return world.flatMap((c) => Object.entries(c.drawings).map(([style, icon]) => ({ concept: c.id, style, icon })))
}

async function main(cache, listed, name = 'drawings') {
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  const list = listed ? JSON.parse(readFileSync(listed, 'utf8')) : drawingsOfWorld()
  list.sort((a, b) => a.style.localeCompare(b.style))
  for (const set of new Set(list.map((d) => d.package ?? d.style))) {
    if (!existsSync(join(PACKAGES, '@iconify-json', set, 'icons.json'))) {
      fail(`Artwork package @iconify-json/${set} is missing; run \`npm ci\` in models/pictogram and start again.`)
    }
  }
  const listFile = join(folder, 'list.json')
  writeFileSync(listFile, JSON.stringify(list))
  const pictures = await renderAll(list, listFile)
  const kept = list.filter((_, i) => pictures[i])
  try {
    writeFileSync(join(folder, 'rgba.tmp'), Buffer.concat(pictures.filter(Boolean)))
  } catch (error) {
    fail(`Could not write the drawings to ${folder} (${error.code}); free some disk space and start again.`)
  }
  renameSync(join(folder, 'rgba.tmp'), join(folder, 'rgba.bin'))
  writeFileSync(join(folder, 'index.json'), JSON.stringify(kept, null, 1) + '\n')
  console.log(`${kept.length} drawings at ${DRAWING_SIZE}×${DRAWING_SIZE}, ${list.length - kept.length} skipped`)
}

if (process.argv[2] === '--child') await renderInChild(process.argv[3], Number(process.argv[4]))
else if (process.argv[2]) await main(...process.argv.slice(2))
else fail('Name the cache folder: node world/artwork/render.mjs <cache folder>.')
