/** The lesson: eight screens, three guesses, what is made here or was recorded, and an exit ticket. */
import type { Report } from '../../core/contracts'
import { LESSON_SCREENS, type LessonScreen } from '../../evaluation/lesson/lessonLink'
import { MAX_ANSWER, encodeTicket } from '../../evaluation/lesson/ticket'
import { tallyOfReport, type Tally } from '../../evaluation/lesson/tally'
import type { Guard, Notices } from '../page/notices.svelte'
import type { PackInfo } from '../page/pack.svelte'
import type { Services } from '../page/services'
import { Prediction, type LockedGuess } from '../run/prediction.svelte'
import type { Settings } from '../settings/settings.svelte'
import { CHANGES, CHOICES, Choice, type ChoiceId } from './choice.svelte'
import { RecordedClass } from './recordedClass.svelte'
import { trainingRequest, wallRequest } from './request'
import { Source } from './source.svelte'
import { ticketOf } from './tickets'
import { keepStudent, readStudent, type Shelf, type Student } from './student'

/** The page's own recorded run, and a recorded fine-tune as the lesson makes it. */
const RECORDED_WALL = 'recorded/demo.json'
const RECORDED_TRAINING = 'recorded/lesson.json'

/** The screens with the minutes of a 45-minute class. */
export const SCREENS: readonly { id: LessonScreen; name: string; minutes: string }[] = [
  { id: 'wall', name: 'The model', minutes: '0 to 5' },
  { id: 'safe', name: 'Guess', minutes: '5 to 10' },
  { id: 'back', name: 'Guess again', minutes: '10 to 15' },
  { id: 'train', name: 'Do it', minutes: '15 to 25' },
  { id: 'luck', name: 'Luck?', minutes: '25 to 32' },
  { id: 'choose', name: 'Choose', minutes: '32 to 38' },
  { id: 'broken', name: 'Broken?', minutes: '38 to 42' },
  { id: 'ticket', name: 'Exit ticket', minutes: '42 to 45' },
]

/** Questions whose guess is kept. */
const QUESTIONS = ['safe', 'back', ...CHOICES] as const
export type Question = (typeof QUESTIONS)[number]

export interface LessonParts {
  services: Services
  settings: Settings
  pack: PackInfo
  notices: Notices
  /** Address of a result's short link. @throws {SpqrError} */
  address(report: Report): string
  /** Where guesses and answers are kept; null where the browser has no such place. */
  shelf: Shelf | null
}

export class Lesson {
  readonly walls: Source
  readonly training: Source
  readonly choice: Choice
  /** The chosen idea, tried on this machine. */
  readonly trial: Source
  readonly recordedClass: RecordedClass
  readonly questions: Record<Question, Prediction>
  /** Answers of the exit ticket. */
  answers = $state<string[]>(['', '', ''])
  /** Large type, one statement a screen, nothing else on it. */
  projector = $state(false)
  #screen = $state<LessonScreen>('wall')
  #tried = $state<ChoiceId | null>(null)
  /** What is typed and guessed outlives this tab. */
  #kept = $state(true)
  readonly seed: number
  readonly #parts: LessonParts

  constructor(parts: LessonParts) {
    const { services, shelf } = parts
    this.#parts = parts
    const student = readStudent(shelf)
    this.seed = student.seed
    this.#screen = student.screen
    this.answers = ['', '', ''].map((none, i) => student.answers[i] ?? none)
    this.walls = new Source(services, RECORDED_WALL)
    this.training = new Source(services, RECORDED_TRAINING)
    this.trial = new Source(services, null)
    this.choice = new Choice(services, parts.pack)
    this.recordedClass = new RecordedClass(services, parts.pack)
    const asked = (question: Question): Prediction => {
      const prediction = new Prediction(() => this.keep())
      const stored = student.guesses[question]
      if (stored) prediction.restore(stored)
      return prediction
    }
    this.questions = {
      safe: asked('safe'),
      back: asked('back'),
      method: asked('method'),
      lite: asked('lite'),
      words: asked('words'),
    }
    // A seed is drawn once a browser: it is kept before anything is made with it.
    this.keep()
  }

  get screen(): LessonScreen {
    return this.#screen
  }
  readonly number = $derived(LESSON_SCREENS.indexOf(this.#screen) + 1)
  readonly next = $derived(LESSON_SCREENS[this.number])
  readonly previous = $derived(this.number > 1 ? LESSON_SCREENS[this.number - 2] : undefined)
  get kept(): boolean {
    return this.#kept
  }
  /** The idea that was tried on this machine last. */
  get tried(): ChoiceId | null {
    return this.#tried
  }
  /** This student's own result; null before a training here came to its end. */
  readonly mine = $derived.by((): Tally | null => {
    const { report } = this.training.live
    return report ? tallyOfReport(report, 'you') : null
  })

  get settings(): Settings {
    return this.#parts.settings
  }

  /** The screen that an address names by its number, such as `#lesson/4`; else the one that was left. */
  open(anchor: string | null): void {
    const named = anchor !== null && /^\d$/.test(anchor) ? LESSON_SCREENS[Number(anchor) - 1] : undefined
    if (named === undefined) return
    this.#screen = named
    this.keep()
  }

  /** Reads what was recorded; each part once. */
  async load(): Promise<void> {
    await Promise.all([this.walls.load(), this.training.load(), this.recordedClass.load()])
  }

  address(report: Report): string {
    return this.#parts.address(report)
  }

  /** The exit ticket as a link. */
  ticketAddress(): string {
    return `${document.baseURI.replace(/[?#].*$/, '')}#lesson/${encodeTicket(ticketOf(this))}`
  }

  /** Bound, since components hand it on. */
  get guard(): Guard {
    return this.#parts.notices.guard
  }

  answer(index: number, text: string): void {
    this.answers[index] = text.slice(0, MAX_ANSWER)
    this.keep()
  }

  /** Makes the three walls on this machine. */
  makeWalls(): Promise<boolean> {
    return this.#guarded(this.walls, wallRequest)
  }

  /** Trains on this machine, with this student's seed. */
  makeTraining(): Promise<boolean> {
    return this.#guarded(this.training, (form, pack) => trainingRequest(form, pack, this.seed))
  }

  /** Trains with the chosen idea on this machine. */
  makeTrial(): Promise<boolean> {
    const { chosen } = this.choice
    this.#tried = chosen
    return this.#guarded(this.trial, (form, pack) => trainingRequest(form, pack, this.seed, CHANGES[chosen]))
  }

  #guarded(source: Source, make: typeof wallRequest): Promise<boolean> {
    const { settings, pack } = this.#parts
    const { manifest, prompts, accelerator } = pack
    const fit = manifest ? { manifest, prompts: [...prompts], accelerator } : null
    return this.guard(() => source.make(make(settings.request(), fit)))
  }

  /** Starts over: guesses and answers are forgotten, the seed stays. */
  restart(): void {
    for (const prediction of Object.values(this.questions)) prediction.reset()
    this.answers = ['', '', '']
    this.#screen = 'wall'
    this.keep()
  }

  keep(): void {
    const guesses = Object.fromEntries(
      QUESTIONS.flatMap((question): [string, LockedGuess][] => {
        const locked = this.questions?.[question].locked
        return locked ? [[question, locked]] : []
      }),
    )
    const student: Student = { seed: this.seed, screen: this.#screen, guesses, answers: [...this.answers] }
    this.#kept = keepStudent(this.#parts.shelf, student)
  }
}
