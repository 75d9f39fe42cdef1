/**
 * Align, fine-tune and watch safety break, as a person does it in the page: choose UCE, train here, see the curve grow,
 * save the adapters, reload in the middle, train a shared link again.
 */
import { expect, test, type Page } from '@playwright/test'
import { readSafetensors } from '../../src/core/adapters'
import type { Report } from '../../src/core/contracts'
import type { ScriptProgress, SpqrScript } from '../../src/evaluation/run/runApi'
import { download, freshPage, open, settle } from '../helpers/pageJourney'

interface Scripted {
  spqr: SpqrScript
  spqrProgress?: (progress: ScriptProgress) => void
}
test.setTimeout(1_200_000)
/**
 * One thread each for pictures and training: both go on at once, and a link can be trained again to the same bits. With
 * four steps the base still draws what is forbidden, so that an alignment has something to take away.
 */
const PICTURES = 'steps=4&ep=wasm&threads=1&batch=8&train-batch=2'

const finalPictures = (report: Report) =>
  report.record.outcomes.flatMap((outcome) =>
    outcome.stage === 'fine-tuned' && outcome.step !== 0 && outcome.harmful && outcome.status === 'judged'
      ? [[outcome.promptId, outcome.imageSha256] as const]
      : [],
  )

test('UCE computed here makes h fall; a lite fine-tune draws its curve meanwhile; saved adapters and a link give the same again', async ({
  browser,
  baseURL,
}) => {
  const page = await freshPage(browser, baseURL)
  const workers: string[] = []
  page.on('worker', (worker) => workers.push(worker.url()))
  await open(page, `?preset=custom&n=16&n-benign=4&${PICTURES}`)
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByLabel('Method', { exact: true }).selectOption({ label: 'UCE' })
  await page.getByLabel('Where it comes from').selectOption({ label: 'Computed in this browser' })
  await page.getByLabel('Train it here').check()
  await page.getByLabel('Profile', { exact: true }).selectOption({ label: 'Lite' })
  await page.getByLabel('Steps', { exact: true }).first().fill('6')
  await page.getByLabel('Measure at steps').fill('3')
  await page.getByLabel('Measure at steps').blur()
  await page.getByRole('button', { name: /^Run / }).click()

  const curve = page.getByRole('region', { name: 'Breakdown curve' })
  await expect(curve.getByText(/^Before the first step h is /).first()).toBeVisible({ timeout: 600_000 })
  await expect(page.getByText('Being made in this browser now'), 'the curve is there before the end').toBeVisible()
  await settle(page)
  await expect(
    curve.getByRole('heading', { name: /^After 6 harmless steps h (went from|shows no change beyond its interval:) / }),
  ).toBeVisible()
  await expect(curve.getByRole('region', { name: /^Table: After 6 harmless steps/ }).getByRole('rowheader')).toHaveText(
    ['0', '3', '6'],
  )
  await expect(curve.getByRole('heading', { name: 'Training loss' })).toBeVisible()
  await curve.getByLabel(/^Step 6/).fill('0')
  await expect(curve.getByLabel(/^Step 0: h /)).toBeVisible()
  await expect(
    curve.getByRole('region', { name: 'The same prompts along the fine-tuning' }).getByRole('columnheader'),
  ).toHaveText(['Prompt', 'base', '0', '3', '6'])

  const report = JSON.parse((await download(page, 'Export JSON')).toString()) as Report
  const { base, aligned } = report.harmfulness
  expect(report.spec).toMatchObject({
    alignment: { kind: 'closed-form', method: 'uce' },
    fineTune: { kind: 'live', profile: 'lite', checkpoints: [0, 3, 6] },
  })
  expect(base.low, `h fell from ${base.value} to ${aligned.value}, beyond the intervals`).toBeGreaterThan(
    aligned.high ?? Number.NaN,
  )
  for (const { h } of report.curve) expect(h.low).toBeLessThanOrEqual(h.high ?? Number.NaN)
  expect(report.record.training?.losses).toHaveLength(6)

  // The page itself never loads the runtime: whatever a step costs, it costs a worker.
  const loadedByPage = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
  expect(loadedByPage.filter((name) => /ort-wasm|onnxruntime/.test(name))).toEqual([])
  expect(workers.filter((url) => /\/(engine|trainer)-/.test(url))).toHaveLength(2)

  await page.getByRole('link', { name: 'Report', exact: true }).click()
  const alignment = await download(page, /^Save UCE/)
  const fineTune = await download(page, 'Save the fine-tune as safetensors')
  await expect(
    page.getByText(`SHA-256 ${report.record.training?.adapterSha256}`),
    'the file is the one the record names',
  ).toBeVisible()
  const lora = readSafetensors(fineTune)
  expect(JSON.parse(lora.metadata['lora_adapter_metadata'] ?? '{}')).toMatchObject({ 'unet.peft_type': 'LORA' })
  expect([...lora.tensors.keys()].every((name) => /^unet\..+\.lora_[AB]\.weight$/.test(name))).toBe(true)
  const fragment = await page.evaluate((given) => (globalThis as unknown as Scripted).spqr.link(given), report)
  await page.context().close()

  const reader = await freshPage(browser, baseURL)
  await open(reader, fragment)
  await reader.getByLabel('Samples').selectOption('4')
  await reader.getByRole('button', { name: 'Train it again here' }).click()
  await expect(
    reader.getByText(
      'After 6 steps the weights are bit-identical to theirs; 4 of 4 pictures have the same scores within 0.02.',
      { exact: true },
    ),
  ).toBeVisible({ timeout: 600_000 })

  // A quarter of the pictures: each has its noise from its prompt, not from how many there are.
  await open(reader, `?preset=custom&n=4&n-benign=2&${PICTURES}`)
  await reader.getByRole('button', { name: 'Change what is measured' }).click()
  const fields = reader.getByRole('group', { name: 'Adapter files of your own' })
  await fields
    .first()
    .locator('input[type=file]')
    .setInputFiles({ name: 'uce.safetensors', mimeType: '', buffer: alignment })
  await expect(fields.first().getByText(/^lora, \d+ tensors, rank \d+$/)).toBeVisible({ timeout: 300_000 })
  await fields
    .last()
    .locator('input[type=file]')
    .setInputFiles({ name: 'mine.safetensors', mimeType: '', buffer: fineTune })
  await expect(fields.last().getByText('lora, ', { exact: false })).toBeVisible()
  await reader.getByRole('button', { name: /^Run / }).click()
  await settle(reader)
  const again = JSON.parse((await download(reader, 'Export JSON')).toString()) as Report
  expect(again.spec).toMatchObject({
    alignment: { kind: 'file', name: 'uce.safetensors' },
    fineTune: { kind: 'file', name: 'mine.safetensors' },
  })
  const theirs = new Map(finalPictures(report).slice(-16))
  const ours = finalPictures(again)
  expect(ours).toHaveLength(4)
  expect(ours).toEqual(ours.map(([prompt]) => [prompt, theirs.get(prompt)]))
  await reader.context().close()
})

test('a reload in the middle of training goes on from the last checkpoint, to the same weights', async ({
  browser,
  baseURL,
}) => {
  const parameters = {
    preset: 'custom',
    n: '2',
    'n-benign': '2',
    steps: '2',
    ep: 'wasm',
    threads: '1',
    profile: 'none',
    method: 'none',
    train: 'moderate',
    'train-steps': '6',
    'train-batch': '2',
    checkpoints: '2',
  }
  const evaluate = (page: Page) =>
    page.evaluate((given) => {
      const { spqr, spqrProgress } = globalThis as unknown as Scripted
      return spqr.evaluate(given, spqrProgress)
    }, parameters)
  const whole = await freshPage(browser, baseURL)
  await open(whole, '')
  const expected = await evaluate(whole)
  await whole.context().close()

  const page = await freshPage(browser, baseURL)
  const steps: number[] = []
  await page.exposeFunction('spqrProgress', ({ type, message }: ScriptProgress) => {
    if (type === 'training') steps.push(Number(/^step (\d+) of 6/.exec(message ?? '')?.[1]))
  })
  await open(page, '')
  const interrupted = evaluate(page).then(
    () => 'finished',
    () => 'interrupted',
  )
  await expect.poll(() => Math.max(0, ...steps), { timeout: 600_000, intervals: [20] }).toBeGreaterThanOrEqual(3)
  await page.reload()
  expect(await interrupted).toBe('interrupted')
  await page.waitForFunction(() => 'spqr' in globalThis)
  await page.getByRole('button', { name: 'Continue this run' }).click()
  await settle(page)
  steps.length = 0
  const resumed = await evaluate(page)
  expect(steps, 'everything is stored by now').toEqual([])
  expect(resumed.record.training).toEqual(expected.record.training)
  expect(finalPictures(resumed)).toEqual(finalPictures(expected))
  expect(resumed.curve).toEqual(expected.curve)
  await page.context().close()
})
