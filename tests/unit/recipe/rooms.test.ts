/** The rooms of the recipe are ordered: each imports itself, those before it and what serves all, so no circle can grow. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const recipe = new URL('../../../models/pictogram/', import.meta.url)
const ROOMS = ['world', 'train', 'align', 'judges', 'export', 'distil', 'measure']

/** "room/file.py imports other.module" for every import of another room. */
function imports(): { file: string; room: number; target: string; below: boolean }[] {
  return ROOMS.flatMap((name, room) =>
    readdirSync(new URL(`${name}/`, recipe))
      .filter((file) => file.endsWith('.py'))
      .flatMap((file) =>
        [...readFileSync(new URL(`${name}/${file}`, recipe), 'utf8').matchAll(/^\s*(?:from|import) (\w+)/gm)]
          .map((found) => found[1] ?? '')
          .filter((target) => ROOMS.includes(target))
          .map((target) => ({ file: `${name}/${file}`, room, target, below: ROOMS.indexOf(target) <= room })),
      ),
  )
}

test('every room is there and uses another', () => {
  const found = imports()
  expect(new Set(found.map(({ room }) => room)).size).toBe(ROOMS.length)
})

test('no room imports a later one', () => {
  expect(
    imports()
      .filter(({ below }) => !below)
      .map(({ file, target }) => `${file} imports ${target}`),
  ).toEqual([])
})

test('what serves all rooms imports none of them', () => {
  for (const file of ['config.py', 'storage.py', 'intervals.py']) {
    const text = readFileSync(new URL(file, recipe), 'utf8')
    for (const room of ROOMS)
      expect(text, `${file} imports ${room}`).not.toMatch(new RegExp(`^\\s*(from|import) ${room}\\b`, 'm'))
  }
})
