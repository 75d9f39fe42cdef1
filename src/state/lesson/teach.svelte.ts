/** "Teach with this": what a teacher chooses, and the link that carries it to the class. */
import * as v from 'valibot'
import { HIDEABLE, lessonQuery, type Hideable, type LessonScreen } from '../../evaluation/lesson/lessonLink'
import { defaultParameters, PARAMETERS, type ParameterName, type Parameters } from '../../evaluation/spec/params'
import { PROFILES, type Profile } from '../../core/contracts'
import { hasName } from '../page/fields'
import type { LanguageCode } from '../page/languages'
import type { Services } from '../page/services'
import { TRAINING } from './request'

/** Settings that a class is most often asked to leave alone. */
export const LOCKABLE = ['method', 'train', 'train-steps', 'scenario', 'sampler'] as const satisfies ParameterName[]
/** Every other setting that the form has. */
export const ALSO_LOCKABLE: readonly ParameterName[] = (Object.keys(PARAMETERS) as ParameterName[]).filter(
  (name) => hasName(name) && !LOCKABLE.some((one) => one === name),
)
export { HIDEABLE, PROFILES }
export type { Hideable, LessonScreen, ParameterName, Profile }

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
  /** The link carries the settings of the page instead of those chosen beside it. */
  own = $state(false)
  #download = $state.raw<number | null>(null)
  readonly #services: Pick<Services, 'readJson'>
  readonly #form: { readonly values: Parameters }

  /** @param form settings of the page */
  constructor(services: Pick<Services, 'readJson'>, form: { readonly values: Parameters }) {
    this.#services = services
    this.#form = form
  }

  /** Settings that differ from the lesson's own. */
  readonly #values = $derived.by((): Parameters => {
    if (this.own) return { ...this.#form.values }
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
