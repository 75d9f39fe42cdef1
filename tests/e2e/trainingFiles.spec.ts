/** Files of the user's own to train on and to align with, in the page: screened, refused by name, used. */
import { mkdirSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@playwright/test'
import { writeSafetensors } from '../../src/core/adapters'
import type { Report } from '../../src/core/contracts'
import { download, open, settle } from '../helpers/pageJourney'

/** One thread each for pictures and training: both go on at once. */
const MACHINE = 'ep=wasm&threads=1&batch=8&train-batch=2'

test('a folder of the user’s is screened: what is not benign or not captioned is refused by name, harmless pictures are trained on', async ({
  page,
}) => {
  await open(page, `?preset=custom&n=4&n-benign=4&steps=4&method=none&profile=none&${MACHINE}`)
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
