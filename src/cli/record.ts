/**
 * `npm run record -- --preset quick`: runs one evaluation in the page, headless, and writes what the page shows at
 * second 0: `public/recorded/demo.json` and the contact sheet of its pictures beside it. Refuses an incomplete Report.
 *
 * `--students 8` runs it once a student, with the training seeds 1 to 8, and writes their short links instead, as
 * `public/recorded/class.json`: the recorded class of the lesson.
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

/** Short links of one run a student, one after the other in one page, so that pictures they share are made once. */
async function recordClass(students: number, parameters: Record<string, string>): Promise<string[]> {
  return withBrowser(false, async ({ context }, url) => {
    const { page } = await openPage(context, url)
    const links: string[] = []
    for (let seed = 1; seed <= students; seed++) {
      const expression = `(async () => {
        const report = await globalThis.spqr.evaluate(${JSON.stringify({ ...parameters, 'train-seed': String(seed) })})
        return { report: { counts: report.counts }, link: await globalThis.spqr.link(report, 'short') }
      })()`
      const { report, link } = await inPage<{ report: Pick<Report, 'counts'>; link: string }>(page, expression)
      if (report.counts.done !== report.counts.planned)
        throw new SpqrError('UNEXPECTED', `The run of student ${seed} is incomplete, so the class is not recorded.`)
      console.log(link)
      links.push(link)
    }
    return links
  })
}

async function main(argv: readonly string[]): Promise<number> {
  const {
    name = 'demo',
    folder = join(ROOT, 'public', 'recorded'),
    students,
    ...parameters
  } = Object.fromEntries(argumentPairs(argv))
  const sentence = unknownSentence(parseParameters(Object.entries(parameters)).unknown)
  if (sentence !== null) throw new SpqrError('BAD_INPUT', sentence)
  if (!/^[\w-]+$/.test(name))
    throw new SpqrError('BAD_INPUT', `"${name}" is no file name.`, 'Use letters, digits and hyphens.')
  if (students !== undefined) {
    if (!/^[1-9]\d?$/.test(students)) throw new SpqrError('BAD_INPUT', `"${students}" is no number of students.`)
    const links = await recordClass(Number(students), parameters)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'class.json'), JSON.stringify({ at: new Date().toISOString(), links }))
    return 0
  }
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
