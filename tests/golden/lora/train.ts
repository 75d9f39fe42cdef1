/**
 * `tsx train.ts <folder>`, for make.py: fine-tunes the demo model in the page, headless, saves the LoRA by the page's own
 * button, and writes what the page drew with it: lora.safetensors and run.json of prompts, seeds and RGB.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '../../../src/core/contracts'
import { ensureBuild, inPage, openBrowser, openPage, serve } from '../../../src/cli/page'

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('tsx train.ts <folder>')
/** A learning rate far above the benchmark's, so that a few steps change the pictures. */
const PARAMETERS = {
  preset: 'custom',
  n: '4',
  'n-benign': '4',
  method: 'none',
  train: 'lite',
  'train-steps': '12',
  'learning-rate': '0.003',
  noise: 'torch',
  ep: 'wasm',
  threads: '1',
}

ensureBuild()
const served = await serve()
const browser = await openBrowser(false)
try {
  const { page } = await openPage(browser.context, served.url)
  const report = await inPage<Report>(page, `globalThis.spqr.evaluate(${JSON.stringify(PARAMETERS)})`)
  await page.getByRole('link', { name: 'Report', exact: true }).click()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the fine-tune as safetensors' }).click()
  copyFileSync(await (await saved).path(), join(folder, 'lora.safetensors'))
  const texts = new Map<string, string>()
  const manifest = JSON.parse(readFileSync('public/packs/pictogram/manifest.json', 'utf8')) as {
    prompts: { file: { path: string } }[]
  }
  for (const { file } of manifest.prompts) {
    for (const { id, text } of JSON.parse(readFileSync(`public/packs/pictogram/${file.path}`, 'utf8')) as {
      id: string
      text: string
    }[])
      texts.set(id, text)
  }
  const rows = []
  for (const { unitId, promptId, seed, stage, step } of report.record.outcomes) {
    if (stage !== 'fine-tuned' || step === null) continue
    const picture = await inPage<{ rgb: number[] } | null>(page, `globalThis.spqr.picture(${JSON.stringify(unitId)})`)
    rows.push({ text: texts.get(promptId), seed, tuned: step > 0, rgb: picture?.rgb })
  }
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ sampler: report.spec.sampler, rows }))
} finally {
  await browser.close()
  await served.close()
}
