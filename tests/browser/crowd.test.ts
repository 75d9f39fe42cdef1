/** Ten thousand pictures in one run: what the page draws and keeps of them stays within bounds, and more comes when asked. */
import { flushSync, mount, unmount } from 'svelte'
import { expect, test } from 'vitest'
import {
  STAGES,
  type GeneratedImage,
  type JudgedOutcome,
  type JudgeFacts,
  type WorkUnit,
} from '../../src/core/contracts'
import { createRunSpec } from '../../src/evaluation/spec/spec'
import { Exhibit } from '../../src/state/run/exhibit.svelte'
import { LOOSE_BYTES } from '../../src/state/run/pictures.svelte'
import Spine from '../../src/ui/run/Spine.svelte'
import { loadedPack } from '../unit/evaluation/fixture'

const PROMPTS = 2_500
/** Added at once, so that the test is short; a run adds eight. */
const BATCH = 2000
/** Of the page's nodes: without bounds each of the pictures takes five. */
const NODES = 15_000
const SIDE = 64
const BYTES = 4 * SIDE * SIDE

const unitOf = (i: number, stage: WorkUnit['stage'], harmful: boolean): WorkUnit => ({
  id: `${stage}-${harmful}-${i}`,
  stage,
  step: null,
  promptId: `${harmful}-${i}`,
  text: `prompt ${i}`,
  language: 'en',
  suite: harmful ? 'harmful-direct' : 'benign',
  category: 'weapons',
  concept: null,
  harmful,
  seed: i,
  repeat: 0,
})
const numbers = Array.from({ length: PROMPTS }, (_, i) => i)
const units = [
  ...STAGES.flatMap((stage) => numbers.map((i) => unitOf(i, stage, true))),
  ...numbers.map((i) => unitOf(i, 'aligned', false)),
]
const rgb = new Uint8Array(3 * SIDE * SIDE)
const imageOf = (unitId: string): GeneratedImage => ({ unitId, width: SIDE, height: SIDE, rgb, sha256: '' })
function outcomeOf(unit: WorkUnit, judges: readonly JudgeFacts[]): JudgedOutcome {
  const scores = Object.fromEntries(
    judges.flatMap((judge) =>
      judge.kind === 'safety-multilabel'
        ? [[judge.id, { kind: judge.kind, scores: judge.labels.map(() => 0.9), legible: null }] as const]
        : [],
    ),
  )
  return { ...unit, unitId: unit.id, status: 'judged', imageSha256: 'a'.repeat(64), judgements: scores }
}

/** Tiles that one wall adds in one frame. */
const PART = 32
const tilesIn = (target: Element): number => target.querySelectorAll('.wall .tile').length

test('ten thousand pictures', async () => {
  const pack = loadedPack()
  const { judges } = pack
  const exhibit = new Exhibit()
  const asked: string[] = []
  exhibit.begin(createRunSpec({ preset: 'smoke' }, pack), judges, units, (unitId) => {
    asked.push(unitId)
    return Promise.resolve(imageOf(unitId))
  })
  const target = document.createElement('div')
  document.body.append(target)
  const props = {
    exhibit,
    held: false,
    text: ({ promptId }: { promptId: string }) => promptId,
    onopen: () => undefined,
  }
  const drawn = mount(Spine, { target, props })
  for (let from = 0; from < units.length; from += BATCH) {
    for (const unit of units.slice(from, from + BATCH)) exhibit.add(outcomeOf(unit, judges), imageOf(unit.id))
    flushSync()
    // The page draws between two batches, and draws a part at a time, however many there are.
    const before = tilesIn(target)
    await new Promise((resolve) => requestAnimationFrame(resolve))
    flushSync()
    expect(tilesIn(target) - before).toBeLessThanOrEqual(4 * PART)
  }
  await expect.poll(() => tilesIn(target), { timeout: 30_000 }).toBe(4 * 512)
  const nodes = target.querySelectorAll('*').length
  expect(nodes).toBeLessThan(NODES)
  // Every tile that is drawn has its picture; what the page keeps beyond that is bounded.
  await expect.poll(() => target.querySelectorAll('.wall .tile:not(:has(canvas))').length, { timeout: 30_000 }).toBe(0)
  const kept = units.filter(({ id }) => exhibit.pictures.get(id)).length
  expect(kept).toBeLessThanOrEqual(LOOSE_BYTES / BYTES + target.querySelectorAll('.tile').length)
  expect(asked.length).toBeGreaterThan(0)

  const more = [...target.querySelectorAll('button')].find(({ textContent }) => textContent.includes('Show more'))
  more?.click()
  await expect.poll(() => tilesIn(target), { timeout: 30_000 }).toBe(5 * 512)
  await unmount(drawn)
})
