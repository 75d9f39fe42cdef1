/** "Teach with this": what a teacher chooses, and the link that carries it to the class. */
import * as v from 'valibot'
import { HIDEABLE, lessonQuery, type Hideable, type LessonScreen } from '../../evaluation/lesson/lessonLink'
import { defaultParameters, type ParameterName, type Parameters } from '../../evaluation/spec/params'
import { PROFILES, type Profile } from '../../core/contracts'
import type { LanguageCode } from '../page/languages'
import type { Services } from '../page/services'
import { TRAINING } from './request'

/** Settings that the page offers to lock. */
export const LOCKABLE = ['method', 'train', 'train-steps', 'scenario', 'sampler'] as const satisfies ParameterName[]
export { HIDEABLE, PROFILES }
export type { Hideable, LessonScreen, Profile }

/** Bytes of a first visit, as the build counted them. */
const DownloadSchema = v.strictObject({
  /** The page with its scripts and recorded runs. */
  page: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** onnxruntime's WebAssembly. */
  runtime: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Model, judges, prompts and what the lesson trains with. */
  pack: v.pipe(v.number(), v.integer(), v.minValue(1)),
})

export class Teach {
  step = $state<LessonScreen>('wall')
  /** Empty: the pack's first. */
  method = $state('')
  train = $state<Profile>(TRAINING.profile)
  steps = $state<number>(TRAINING.steps)
  /** Empty: each student's browser chooses. */
  language = $state<LanguageCode | ''>('')
  locks = $state<ParameterName[]>([])
  hides = $state<Hideable[]>([])
  #download = $state.raw<number | null>(null)
  readonly #services: Pick<Services, 'readJson'>

  constructor(services: Pick<Services, 'readJson'>) {
    this.#services = services
  }

  /** Settings that differ from the lesson's own. */
  readonly #values = $derived.by((): Parameters => {
    const usual = defaultParameters()
    const own = this.train === TRAINING.profile && this.steps === TRAINING.steps
    const training = { train: this.train, 'train-steps': this.steps, 'learning-rate': TRAINING.learningRate }
    return { ...usual, method: this.method, ...(own ? {} : training) }
  })

  readonly query = $derived.by((): string => {
    const { step, locks, hides } = this
    const query = lessonQuery({ step, locks, hides }, this.#values)
    return this.language === '' ? query : `${query}&lang=${this.language}`
  })

  /** The whole address of the lesson as the class opens it. */
  get address(): string {
    return document.baseURI.replace(/[?#].*$/, '') + this.query
  }

  /** Bytes that one machine downloads for the whole lesson, once; null where the build did not count them. */
  get download(): number | null {
    return this.#download
  }

  async load(): Promise<void> {
    const parsed = v.safeParse(DownloadSchema, await this.#services.readJson('download.json'))
    if (parsed.success) this.#download = parsed.output.page + parsed.output.runtime + parsed.output.pack
  }
}
