/**
 * Align, fine-tune and watch safety break, as a person does it in the page: choose UCE, train here, see the curve grow,
 * save the adapters, reload in the middle, train a shared link again, be refused what is not benign.
 */
import { mkdirSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type Browser, type Page } from '@playwright/test'
import { readSafetensors, writeSafetensors } from '../../src/core/adapters'
import type { Report } from '../../src/core/contracts'
import type { ScriptProgress, SpqrScript } from '../../src/evaluation/run/runApi'

interface Scripted {
  spqr: SpqrScript
  spqrProgress?: (progress: ScriptProgress) => void
}
test.setTimeout(1_200_000)
/** One thread each for pictures and training: both go on at once, and a link can be trained again to the same bits. */
const MACHINE = 'ep=wasm&threads=1&batch=8'

async function open(page: Page, place: string): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`./${place}`)
  await page.waitForFunction(() => 'spqr' in globalThis)
}

async function freshPage(browser: Browser, baseURL: string | undefined): Promise<Page> {
  return (await browser.newContext({ baseURL })).newPage()
}

async function download(page: Page, button: string | RegExp): Promise<Buffer> {
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: button }).click()
  return readFileSync(await (await saved).path())
}

const settle = (page: Page) => expect(page.getByText('Made in this browser just now')).toBeVisible({ timeout: 600_000 })
const finalPictures = (report: Report) =>
  report.record.outcomes.flatMap((outcome) =>
    outcome.stage === 'fine-tuned' && outcome.step !== 0 && outcome.harmful && outcome.status === 'judged'
      ? [[outcome.promptId, outcome.imageSha256]]
      : [],
  )

test('UCE computed here makes h fall; a lite fine-tune draws its curve meanwhile; saved adapters and a link give the same again', async ({
  browser,
  baseURL,
}) => {
  const page = await freshPage(browser, baseURL)
  const workers: string[] = []
  page.on('worker', (worker) => workers.push(worker.url()))
  await open(page, `?preset=custom&n=16&n-benign=8&${MACHINE}`)
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

  await open(reader, `?preset=custom&n=16&n-benign=8&${MACHINE}`)
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
  expect(finalPictures(again)).toEqual(finalPictures(report).slice(-16))
  await reader.context().close()
})

test('a reload in the middle of training goes on from the last checkpoint, to the same weights', async ({
  browser,
  baseURL,
}) => {
  const parameters = {
    preset: 'custom',
    n: '4',
    'n-benign': '4',
    steps: '2',
    ep: 'wasm',
    threads: '1',
    profile: 'none',
    method: 'none',
    train: 'moderate',
    'train-steps': '9',
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
    if (type === 'training') steps.push(Number(/^step (\d+) of 9/.exec(message ?? '')?.[1]))
  })
  await open(page, '')
  const interrupted = evaluate(page).then(
    () => 'finished',
    () => 'interrupted',
  )
  await expect.poll(() => Math.max(0, ...steps), { timeout: 600_000, intervals: [20] }).toBeGreaterThanOrEqual(4)
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

test('a folder of the user’s is screened: what is not benign or not captioned is refused by name, harmless pictures are trained on', async ({
  page,
}) => {
  await open(page, `?preset=custom&n=8&n-benign=8&steps=8&method=none&profile=none&${MACHINE}`)
  await page.getByRole('button', { name: /^Run / }).click()
  await settle(page)
  const picture = async (verdict: 'flagged' | 'safe', section: string) =>
    Buffer.from(
      await page
        .locator(`${section} .tile[data-verdict=${verdict}] canvas`)
        .first()
        .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL('image/png').split(',')[1] ?? ''),
      'base64',
    )
  const flagged = await picture('flagged', '.stage')
  const safe = await picture('safe', '.benign')

  const folder = (name: string, files: Record<string, Buffer | string>): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'spqr-folder-')), name)
    mkdirSync(path)
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content)
    return path
  }
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByLabel('Train it here').check()
  await page.getByLabel('Profile', { exact: true }).selectOption({ label: 'Lite' })
  const input = page.getByRole('button', { name: 'Choose a folder', exact: true })
  for (const [files, code, sentence] of [
    [{ 'panda.png': flagged, 'panda.txt': 'a red panda' }, 'DATASET_NOT_BENIGN', /"panda\.png" is flagged as \w+ by /],
    [
      { 'knife.png': safe, 'knife.txt': 'a Kitchen Knife on a table' },
      'DATASET_NOT_BENIGN',
      /names "kitchen knife", a forbidden concept/,
    ],
    [{ 'bare.png': safe }, 'DATASET_INVALID', /"bare\.png" has no caption/],
    [{ 'readme.txt': 'nothing here' }, 'DATASET_INVALID', /The folder holds no pictures/],
    [{ 'broken.png': 'no picture', 'broken.txt': 'a cat' }, 'DATASET_INVALID', /"broken\.png" cannot be read/],
  ] as const) {
    await input.setInputFiles(folder('mine', files))
    await expect(page.locator(`[data-code="${code}"]`).filter({ hasText: sentence })).toBeVisible({ timeout: 300_000 })
    await page.getByRole('button', { name: 'Put this message away' }).first().click()
  }
  await input.setInputFiles(
    folder('holiday', {
      'a.png': safe,
      'b.png': safe,
      'metadata.jsonl': '{"file_name": "a.png", "text": "a drawing"}\n{"file_name": "b.png", "text": "ein Bild"}\n',
    }),
  )
  await expect(page.getByText('2 pictures', { exact: true })).toBeVisible({ timeout: 300_000 })
  await page.getByLabel('Steps', { exact: true }).first().fill('2')
  await page.getByLabel('Steps', { exact: true }).first().blur()
  await page.getByRole('button', { name: /^Run / }).click()
  await expect(
    page
      .getByRole('heading', { name: /^After 2 harmless steps h (went from|shows no change beyond its interval:) / })
      .first(),
  ).toBeVisible({ timeout: 600_000 })
  const report = JSON.parse((await download(page, 'Export JSON')).toString()) as Report
  expect(report.spec.fineTune).toMatchObject({ kind: 'live', dataset: 'holiday', steps: 2 })
})

test('an adapter file that does not fit is refused by name, and the earlier choice stays', async ({ page }) => {
  await open(page, `?${MACHINE}`)
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  const field = page.getByRole('group', { name: 'Adapter files of your own' }).first()
  const manifest = await page.evaluate(
    async () =>
      (await fetch('packs/pictogram/manifest.json')).json() as Promise<{
        model: { unet: { externalData: { tensors: { name: string; dims: number[] }[] } } }
      }>,
  )
  const {
    name,
    dims: [o = 0, d = 0],
  } = manifest.model.unet.externalData.tensors.find((tensor) => tensor.name.endsWith('attn2.to_k.weight'))!
  const module = name.replace(/\.weight$/, '')
  const file = (tensors: Record<string, number[]>, value = 0.01) =>
    Buffer.from(
      writeSafetensors(
        new Map(
          Object.entries(tensors).map(([key, shape]) => [
            key,
            { dtype: 'F32' as const, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value) },
          ]),
        ),
      ),
    )
  const fitting = file({ [`unet.${module}.lora_A.weight`]: [2, d], [`unet.${module}.lora_B.weight`]: [o, 2] })
  const lying = Buffer.from(fitting)
  lying.writeUInt32LE(1_000_000, 0)
  const pickle = Buffer.alloc(64, 0)
  pickle.set([0x80, 2, 0x7d, 0x71])
  const huge = join(mkdtempSync(join(tmpdir(), 'spqr-huge-')), 'huge.safetensors')
  writeFileSync(huge, '')
  truncateSync(huge, 300 * 2 ** 20)

  const choose = field.locator('input[type=file]')
  await choose.setInputFiles({ name: 'first.safetensors', mimeType: '', buffer: fitting })
  await expect(field.getByText('lora, 2 tensors, rank 2')).toBeVisible({ timeout: 300_000 })
  for (const [given, code, sentence] of [
    [
      {
        name: 'zero.safetensors',
        mimeType: '',
        buffer: file({ [`unet.${module}.lora_A.weight`]: [0, d], [`unet.${module}.lora_B.weight`]: [o, 0] }),
      },
      'ADAPTER_SHAPE',
      /has rank 0/,
    ],
    [
      {
        name: 'sdxl.safetensors',
        mimeType: '',
        buffer: file({ 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight': [2, 640] }),
      },
      'ADAPTER_UNMATCHED',
      /input_blocks_4_1.*belongs to no weight of this model/,
    ],
    [
      { name: 'model.safetensors', mimeType: '', buffer: pickle },
      'SAFETENSORS_INVALID',
      /PyTorch checkpoint \(pickle\) under another name/,
    ],
    [
      { name: 'lying.safetensors', mimeType: '', buffer: lying },
      'SAFETENSORS_INVALID',
      /The header claims 1000000 bytes/,
    ],
    [
      {
        name: 'nan.safetensors',
        mimeType: '',
        buffer: file(
          { [`unet.${module}.lora_A.weight`]: [2, d], [`unet.${module}.lora_B.weight`]: [o, 2] },
          Number.NaN,
        ),
      },
      'ADAPTER_NAN',
      /not a finite number/,
    ],
    [huge, 'ADAPTER_TOO_LARGE', /"huge\.safetensors" holds 300 MB; an adapter may hold 256 MB/],
  ] as const) {
    await choose.setInputFiles(given)
    await expect(page.locator(`[data-code="${code}"]`).filter({ hasText: sentence })).toBeVisible({ timeout: 300_000 })
    await page.getByRole('button', { name: 'Put this message away' }).first().click()
  }
  await expect(field.getByText('first.safetensors', { exact: false }).first()).toBeVisible()

  // A bare PEFT file and its configuration, dropped as a second adapter.
  const dropped = await page.evaluateHandle(
    ({ bytes, config }) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([new Uint8Array(bytes)], 'adapter_model.safetensors'))
      transfer.items.add(new File([config], 'adapter_config.json'))
      return transfer
    },
    {
      bytes: [
        ...file({
          [`base_model.model.${module}.lora_A.weight`]: [3, d],
          [`base_model.model.${module}.lora_B.weight`]: [o, 3],
        }),
      ],
      config: '{"peft_type": "LORA", "r": 3, "lora_alpha": 6}',
    },
  )
  await field.dispatchEvent('drop', { dataTransfer: dropped })
  await expect(field.getByText('lora, 2 tensors, rank 3; scale from adapter_config.json')).toBeVisible({
    timeout: 300_000,
  })
  await field.getByLabel(/^Strength of adapter_model/).fill('-0.5')
  await expect(page.getByText('first.safetensors + adapter_model.safetensors', { exact: false })).toBeVisible()
})
