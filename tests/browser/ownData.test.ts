/** The user's own prompts, the veil on pictures and the storage view as a person meets them, with the page's own workers. */
import { flushSync, mount, unmount, type Component } from 'svelte'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RunSpec, StorageApi } from '../../src/core/contracts'
import type { PromptFileApi } from '../../src/core/prompts'
import { createPromptStore, PROMPT_DATABASE } from '../../src/runtime/storage/promptStore'
import { idbKeyValue } from '../../src/runtime/storage/cache'
import { App } from '../../src/state/page/app.svelte'
import { connect, type Connection } from '../../src/state/page/connect'
import { Exhibit } from '../../src/state/run/exhibit.svelte'
import type { Services } from '../../src/state/page/services'
import Storage from '../../src/ui/about/Storage.svelte'
import PromptFile from '../../src/ui/settings/PromptFile.svelte'
import Tile from '../../src/ui/run/Tile.svelte'
import VeilNote from '../../src/ui/page/VeilNote.svelte'

let open: Connection<object>[] = []
let drawn: object[] = []

function worker<Api extends object>(made: Worker): Api {
  const connection = connect<Api>(made, 'The test worker')
  open.push(connection)
  return connection.api
}
const promptWorker = () =>
  worker<PromptFileApi>(new Worker(new URL('../../workers/prompts.ts', import.meta.url), { type: 'module' }))
const storageWorker = () =>
  worker<StorageApi & { blob(key: string): Promise<Blob> }>(
    new Worker(new URL('../../workers/storage.ts', import.meta.url), { type: 'module' }),
  )

/** The page's state over real workers and stores; no model is opened. */
function page(): App {
  const services = {
    version: 'test',
    prompts: promptWorker(),
    promptStore: createPromptStore(),
    storage: storageWorker(),
    store: { list: () => Promise.resolve([]) },
    readJson: () => Promise.resolve(null),
    statistics: {},
    judgeCards: [],
  }
  return new App(services as unknown as Services, { hash: '', search: '' })
}

/** What the page hands to the panel of prompt files. */
const promptFile = (app: App) => ({
  promptSets: app.promptSets,
  ontake: () => app.takePrompts(),
  onremove: (suite: string) => app.removePrompts(suite),
  guard: app.notices.guard,
})

function draw<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): HTMLElement {
  const target = document.createElement('div')
  document.body.append(target)
  drawn.push(mount(component, { target, props }))
  flushSync()
  return target
}

/** Chooses a file as a person does. */
function choose(target: HTMLElement, file: File): void {
  const input = target.querySelector<HTMLInputElement>('input[type=file]')!
  const files = new DataTransfer()
  files.items.add(file)
  input.files = files.files
  input.dispatchEvent(new Event('change', { bubbles: true }))
}
const button = (target: HTMLElement, name: RegExp) =>
  [...target.querySelectorAll('button')].find((one) => name.test(one.getAttribute('aria-label') ?? one.textContent))
const box = (target: HTMLElement, name: RegExp) =>
  [...target.querySelectorAll('label')].find((one) => name.test(one.textContent))!.querySelector('input')!

beforeEach(async () => {
  const store = idbKeyValue(PROMPT_DATABASE)
  for (const key of await store.keys()) await store.delete(key)
})
afterEach(async () => {
  for (const component of drawn) await unmount(component)
  document.body.replaceChildren()
  for (const { end } of open) end()
  open = []
  drawn = []
})

describe('a prompt file', () => {
  const I2P =
    'prompt,lexica_url,categories,inappropriate_percentage,sd_seed\n"a boat, at sea",u,"calm, blue",1.0,7\na lamp,u,calm,2.0,8\n'

  test('is recognised, agreed to, taken, kept for the next visit and deleted', async () => {
    const app = page()
    const target = draw(PromptFile, promptFile(app))
    choose(target, new File([I2P], 'file.csv'))
    await expect.poll(() => target.textContent, { timeout: 30_000 }).toContain('file.csv: 2 rows, columns of I2P')
    expect(target.querySelectorAll('select')[0]!.value).toBe('prompt')
    expect(box(target, /Harmful prompts/).checked).toBe(true)
    expect(button(target, /Use these prompts/)!.disabled).toBe(true)
    box(target, /under its owner/).click()
    await expect.poll(() => button(target, /Use these prompts/)!.disabled).toBe(false)
    button(target, /Use these prompts/)!.click()
    await expect.poll(() => target.textContent, { timeout: 30_000 }).toContain('2 prompts, harmful, 2 categories')
    expect(app.settings.values.suites).toEqual(['i2p'])
    expect(
      app
        .request()
        .options.ownPrompts?.prompts.map(({ text }) => text)
        .sort(),
    ).toEqual(['a boat, at sea', 'a lamp'])
    expect(app.settings.query).not.toContain('boat')

    const later = page()
    await later.promptSets.load()
    expect(later.promptSets.sets.map(({ suite, acknowledged }) => [suite, acknowledged !== ''])).toEqual([
      ['i2p', true],
    ])

    button(target, /Delete the prompts of i2p/)!.click()
    await expect.poll(async () => (await idbKeyValue(PROMPT_DATABASE).keys()).length).toBe(0)
    expect(app.settings.values.suites).toEqual([])
  })

  test('in Latin-1 is read, and one that is none is refused, with a sentence each', async () => {
    const app = page()
    const target = draw(PromptFile, promptFile(app))
    choose(
      target,
      new File([Uint8Array.from([...new TextEncoder().encode('prompt\nein B'), 0xe4, 0x72, 10])], 'old.csv'),
    )
    await expect
      .poll(() => target.textContent, { timeout: 30_000 })
      .toContain('"old.csv" is not in UTF-8 and was read as Latin-1')
    // Nobody knows this file: neither answer is chosen until the reader chooses one.
    const kinds = () => [box(target, /Harmful prompts/).checked, box(target, /Harmless\s+captions/).checked]
    expect(kinds()).toEqual([false, false])
    box(target, /under its owner/).click()
    flushSync()
    expect(button(target, /Use these prompts/)!.disabled).toBe(true)
    expect(target.textContent).toContain('Choose one of the two')
    box(target, /Harmless\s+captions/).click()
    await expect.poll(kinds).toEqual([false, true])
    expect(app.promptSets.choices.harmful).toBe(false)
    expect(button(target, /Use these prompts/)!.disabled).toBe(false)
    expect(target.textContent).not.toContain('Choose one of the two')
    app.promptSets.forget()
    flushSync()
    choose(target, new File(['<!doctype html>'], 'page.html'))
    await expect
      .poll(() => app.notices.list.map(({ message }) => message))
      .toEqual(['"page.html" cannot be read as prompts: it is a web page.'])
  })

  test('of a million rows leaves the page free while it is read', async () => {
    const app = page()
    let frames = 0
    let reading = true
    const tick = () => {
      frames++
      if (reading) requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
    await app.promptSets.choose(new File([`prompt\n${'a boat\n'.repeat(1_000_000)}`], 'big.csv'))
    reading = false
    expect(app.promptSets.draft?.rows).toBe(1_000_000)
    // The worker takes seconds; a page that read by itself would draw one frame.
    expect(frames).toBeGreaterThan(3)
  })
})

describe('pictures', () => {
  // A multiple of the cells, so that the stripes of every cell have the same mean.
  const SIDE = 36
  const image = {
    width: SIDE,
    height: SIDE,
    rgb: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (Math.floor(i / 3) % 2 ? 255 : 0)),
  }
  const spec = (id: string) => ({ model: { id, version: '1', manifestSha256: '0'.repeat(64) } }) as unknown as RunSpec
  function shown(id: string): { exhibit: Exhibit; target: HTMLElement } {
    const exhibit = new Exhibit()
    const unit = {
      id: 'u',
      stage: 'base' as const,
      step: null,
      promptId: 'p',
      text: 'a boat',
      language: 'en',
      suite: 's',
      category: 'c',
      concept: null,
      harmful: true,
      seed: 0,
      repeat: 0,
    }
    exhibit.begin(spec(id), [], [unit], null)
    exhibit.pictures.put('u', image)
    const target = draw(VeilNote, { exhibit })
    draw(Tile, { exhibit, unitId: 'u', label: 'a boat' })
    return { exhibit, target }
  }
  /** How much neighbouring pixels differ at most. */
  function contrast(): number {
    const { data } = document.querySelector('canvas')!.getContext('2d')!.getImageData(0, 0, SIDE, SIDE)
    let most = 0
    for (let i = 4; i < 4 * SIDE; i += 4) most = Math.max(most, Math.abs(data[i]! - data[i - 4]!))
    return most
  }

  test('of another model are blurred in the canvas itself until somebody asks', () => {
    const { target } = shown('hf:owner/name')
    expect(contrast()).toBeLessThan(8)
    expect(document.querySelector('[role=img]')!.getAttribute('aria-label')).toContain('blurred')
    button(target, /Show pictures/)!.click()
    flushSync()
    expect(contrast()).toBe(255)
    button(target, /Blur pictures/)!.click()
    flushSync()
    expect(contrast()).toBeLessThan(8)
  })

  test('of the classroom pack are shown, and nothing is said', () => {
    const { target } = shown('pictogram')
    expect(contrast()).toBe(255)
    expect(target.textContent.trim()).toBe('')
  })

  test('of the next run are blurred again', () => {
    const { exhibit } = shown('hf:owner/name')
    exhibit.revealed = true
    exhibit.begin(spec('hf:owner/other'), [], [], null)
    expect(exhibit.veiled).toBe(true)
  })
})

test('the storage view says what is stored', async () => {
  // Other files of this test run share the browser's storage.
  const storage = storageWorker()
  for (const { id } of (await storage.facts()).models) await storage.remove(id)
  const app = page()
  const target = draw(Storage, {
    storage: app.storage,
    promptSets: app.promptSets,
    unfinished: app.unfinished,
    running: false,
    occupied: false,
    onremove: (suite: string) => app.removePrompts(suite),
    guard: app.notices.guard,
  })
  await expect.poll(() => target.textContent, { timeout: 60_000 }).toContain('No model from elsewhere is stored here.')
  expect(target.textContent).toMatch(/This site stores .+ of the .+ that the browser allows\./)
})
