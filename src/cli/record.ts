/**
 * `npm run record -- --preset quick`: runs one evaluation in the page, headless, and writes what the page shows at
 * second 0: `public/recorded/demo.json` and the contact sheet of its pictures beside it. Refuses an incomplete Report.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SpqrError, type Report } from '../core/contracts'
import { argumentPairs, parseParameters, unknownSentence } from '../evaluation/spec/params'
import { isComplete } from '../evaluation/run/runApi'
import { command } from './files'
import { ROOT, inPage, openPage, withBrowser } from './page'

interface Recording {
  json: string
  sheetFile: string
  sheetBase64: string
}

async function main(argv: readonly string[]): Promise<number> {
  const {
    name = 'demo',
    folder = join(ROOT, 'public', 'recorded'),
    ...parameters
  } = Object.fromEntries(argumentPairs(argv))
  const sentence = unknownSentence(parseParameters(Object.entries(parameters)).unknown)
  if (sentence !== null) throw new SpqrError('BAD_INPUT', sentence)
  if (!/^[\w-]+$/.test(name))
    throw new SpqrError('BAD_INPUT', `"${name}" is no file name.`, 'Use letters, digits and hyphens.')
  await withBrowser(false, async ({ context }, url) => {
    const { page } = await openPage(context, url)
    const expression = `(async () => {
      const report = await globalThis.spqr.evaluate(${JSON.stringify(parameters)})
      return { report, recording: await globalThis.spqr.recording(report, ${JSON.stringify(name)}) }
    })()`
    const { report, recording } = await inPage<{ report: Report; recording: Recording | null }>(page, expression)
    if (!recording || !isComplete(report))
      throw new SpqrError('UNEXPECTED', 'The run is incomplete, so it is not recorded.')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${name}.json`), recording.json)
    writeFileSync(join(folder, recording.sheetFile), Buffer.from(recording.sheetBase64, 'base64'))
    console.log(`${join(folder, name)}.json: ${report.counts.done} pictures, SPQR ${report.scores.SPQR.value}`)
  })
  return 0
}

await command(main)
