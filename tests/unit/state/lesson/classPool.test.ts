/** The class as it comes to the teacher: links and files, each wrong one told in one sentence, the others counted. */
import { beforeAll, expect, test } from 'vitest'
import qrcode from 'qrcode-generator'
import type { Report, RunRecord } from '../../../../src/core/contracts'
import { reviveError } from '../../../../src/core/contracts'
import { encodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { sha256Hex } from '../../../../src/core/hash'
import { openCamera, readCode } from '../../../../src/state/lesson/camera'
import { ClassPool, linksIn } from '../../../../src/state/lesson/classPool.svelte'
import type { PackInfo } from '../../../../src/state/page/pack.svelte'
import type { Services } from '../../../../src/state/page/services'
import { harness, pack as fakePack } from '../../evaluation/harness'

/** The page's pack: its hash is that of the manifest's text. */
const manifestText = JSON.stringify(fakePack.manifest)
const pack = { ...fakePack, manifestSha256: sha256Hex(manifestText) }
const info = {
  name: 'pictogram',
  manifest: pack.manifest,
  prompts: pack.prompts,
  accelerator: null,
} as unknown as PackInfo

const recipe = {
  preset: 'smoke' as const,
  train: 'lite' as const,
  'train-steps': 20,
  checkpoints: [10],
  n: 8,
  'n-benign': 8,
}
const reports: Report[] = []
const link = (report: Report): string => `https://example.org/spqr/${encodeShortLink(report, 'pictogram', pack)}`

beforeAll(async () => {
  const { ports } = harness()
  const { runEvaluation } = await import('../../../../src/evaluation/run/run')
  for (const seed of [11, 12, 13]) {
    const spec = createRunSpec({ ...recipe, 'train-seed': seed }, pack)
    reports.push(await runEvaluation(new AbortController().signal, ports, pack, spec, () => undefined))
  }
})

function shelf() {
  const kept: Record<string, string> = {}
  return {
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, text: string) => void (kept[key] = text),
  }
}

function pool(own = shelf()) {
  const services = {
    readText: async () => manifestText,
    statistics: {
      open: async (_: unknown, name: string) => {
        const report = reports[Number(/\d/.exec(name)?.[0])]
        if (!report) throw new Error(`${name} is no report`)
        // The fixture's judges are of no manifest; only "stranger" is of a judge that the page does not know.
        return name.startsWith('stranger') ? report.record : { ...report.record, judges: [] }
      },
      rescore: async ({ id }: RunRecord) => reports.find(({ record }) => record.id === id),
    },
  } as unknown as Services
  return new ClassPool(services, info, own)
}
const file = (name: string) => ({ name, size: 10, slice: () => new Blob([]) }) as never
const said = (one: ClassPool): string[] => one.problems.map(({ message }) => message)

test('links are found among what a chat adds, pooled by seed, and kept for the next visit', async () => {
  const own = shelf()
  const one = pool(own)
  const text = `Anna: ${link(reports[0]!)}\n> Ben\n${link(reports[1]!)}`
  expect(linksIn(text)).toHaveLength(2)
  expect(await one.addText(text)).toBe(2)
  expect(one.tallies.map(({ seed, recomputable }) => [seed, recomputable])).toEqual([
    [11, false],
    [12, false],
  ])
  expect([one.fineTuned.students, one.fineTuned.images, said(one)]).toEqual([2, 16, []])
  expect(pool(own).tallies).toEqual(one.tallies)
})

test('a file of samples is counted again and takes the place of the same student’s link', async () => {
  const one = pool()
  await one.addText(link(reports[0]!))
  await one.addFiles([file('report-0.json'), file('report-2.json')])
  expect(one.tallies.map(({ source, recomputable }) => [source, recomputable])).toEqual([
    ['report-0.json', true],
    ['report-2.json', true],
  ])
})

test('a file of judges that the page does not know is not counted', async () => {
  const one = pool()
  await one.addFiles([file('stranger-1.json'), file('report-2.json')])
  expect(one.tallies.map(({ source }) => source)).toEqual(['report-2.json'])
  expect(said(one)).toEqual([
    'The result "stranger-1.json" is not counted. Judge "judge-a" is the author\'s own: this page does not know it.',
  ])
})

test('one wrong link costs nothing but itself: cut, of one student twice, no link at all, of a later version', async () => {
  const one = pool()
  const whole = link(reports[0]!)
  expect(await one.addText(`${whole}\n${whole.slice(0, -3)}\n${link(reports[1]!)}`)).toBe(2)
  expect(said(one)).toEqual([expect.stringContaining('so it was cut where it was shared')])
  await one.addText(whole)
  expect(said(one)).toEqual(['The tally "link 4" is of the same student as "link 1" (seed 11), so it is counted once.'])
  await one.addText('good morning')
  expect(said(one)).toEqual(['There is no result link in this text.'])
  await one.addText(whole.replace('#s1.', '#s2.'))
  expect(said(one)).toEqual([expect.stringContaining('The result link has format s2; this page reads')])
  expect(one.tallies).toHaveLength(2)
  one.remove(one.tallies[0]!.run)
  expect(one.tallies.map(({ seed }) => seed)).toEqual([12])
})

test('a tally that contradicts its check digits is refused', async () => {
  const one = pool()
  const whole = link(reports[0]!)
  const at = whole.indexOf('#s1.') + 20
  const other = whole[at] === 'A' ? 'B' : 'A'
  await one.addText(whole.slice(0, at) + other + whole.slice(at + 1))
  expect(said(one)).toEqual([expect.stringContaining('its check digits do not fit its data')])
  expect(one.tallies).toEqual([])
})

test('a code as the page draws it is read back from the camera’s pixels', async () => {
  const text = link(reports[2]!)
  const code = qrcode(0, 'M')
  code.addData(text, 'Byte')
  code.make()
  const [cells, scale, quiet] = [code.getModuleCount(), 4, 4]
  const side = (cells + 2 * quiet) * scale
  const data = new Uint8ClampedArray(side * side * 4).fill(255)
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [row, column] = [Math.floor(y / scale) - quiet, Math.floor(x / scale) - quiet]
      const inside = row >= 0 && column >= 0 && row < cells && column < cells
      if (inside && code.isDark(row, column)) data.fill(30, 4 * (y * side + x), 4 * (y * side + x) + 3)
    }
  expect(await readCode({ width: side, height: side, data })).toBe(text)
  expect(await readCode({ width: side, height: side, data: data.fill(255) })).toBeNull()
})

test('a camera that is refused, absent or in use is told in one sentence', async () => {
  const refusing = (name: string) => ({ getUserMedia: () => Promise.reject(new DOMException('', name)) })
  const sentence = async (devices: Parameters<typeof openCamera>[0]): Promise<string> => {
    try {
      await openCamera(devices)
      return 'opened'
    } catch (thrown) {
      return reviveError(thrown).message
    }
  }
  expect(await sentence(refusing('NotAllowedError'))).toBe('The camera was refused.')
  expect(await sentence(refusing('NotFoundError'))).toBe('This machine has no camera that the page can use.')
  expect(await sentence(refusing('NotReadableError'))).toBe('Another program is using the camera.')
  expect(await sentence(undefined)).toContain('served over https or from this machine')
})
