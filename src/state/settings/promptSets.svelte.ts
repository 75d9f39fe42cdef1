/** Prompt files of the user's own: read, mapped, agreed to, kept in this browser, and handed to runs. */
import { SpqrError, type Prompt } from '../../core/contracts'
import type { ColumnMapping, PromptFile, StoredPromptSet } from '../../core/prompts'
// Not from the index, which would bring the readers of files with it: they work in a worker.
import { recogniseLayout } from '../../core/prompts/columns'
import { checkSuiteName } from '../../core/prompts/suiteName'
import type { RunOptions } from '../../evaluation/spec/spec'
import { now, promptKey, textsBySuite } from './promptText'
import type { Services } from '../page/services'

/** A chosen file before its prompts are taken. */
export interface PromptDraft {
  file: PromptFile
  columns: readonly string[]
  rows: number
  /** Which known suite the columns belong to; null when they were guessed or are unknown. */
  layout: string | null
  /** What is to be known of how it was read, one sentence each. */
  notes: readonly string[]
}

/** What the reader decides about a file. */
export interface PromptChoices {
  suite: string
  /** Null: the reader has not said yet. */
  harmful: boolean | null
  mapping: ColumnMapping
  language: string
  seed: number
  acknowledged: boolean
}

const NO_USUAL_NAME =
  'The first line was taken for the names of the columns, and none of them is a usual one; a list without such a line is read from a .txt file.'

const suiteOf = (file: string): string =>
  file
    .replace(/\.\w+$/, '')
    .replaceAll(/[^\w.-]+/g, '-')
    .slice(0, 60) || 'prompts'

export class PromptSets {
  #sets = $state.raw<readonly StoredPromptSet[]>([])
  #draft = $state.raw<PromptDraft | null>(null)
  choices = $state<PromptChoices>({
    suite: '',
    harmful: null,
    mapping: { text: '', id: null, category: null, language: null },
    language: 'en',
    seed: 0,
    acknowledged: false,
  })
  readonly #texts = $derived(textsBySuite(this.#sets.flatMap(({ prompts }) => prompts)))
  readonly #services: Pick<Services, 'prompts' | 'promptStore'>

  constructor(services: Pick<Services, 'prompts' | 'promptStore'>) {
    this.#services = services
  }

  /** Suites that S and R can be measured on. */
  readonly harmful = $derived(
    this.#sets.filter(({ harmful }) => harmful).map(({ suite, prompts }) => ({ suite, count: prompts.length })),
  )

  get sets(): readonly StoredPromptSet[] {
    return this.#sets
  }
  get draft(): PromptDraft | null {
    return this.#draft
  }

  /** Brings back what earlier visits stored. */
  async load(): Promise<void> {
    this.#sets = await this.#services.promptStore.list()
  }

  /** Reads the columns of a file and proposes what they mean. Throws PROMPTS_INVALID. */
  async choose(file: PromptFile): Promise<void> {
    const { format, columns, rows, note } = await this.#services.prompts.preview(file)
    const known = recogniseLayout(columns)
    this.#draft = {
      file,
      columns,
      rows,
      layout: known?.name ?? null,
      notes: [...(note === null ? [] : [note]), ...(known || format !== 'CSV' ? [] : [NO_USUAL_NAME])],
    }
    this.choices = {
      suite: known?.name?.toLowerCase() ?? suiteOf(file.name),
      // Columns of a published suite say it; the reader of any other file is asked.
      harmful: known?.name ? known.harmful : null,
      language: 'en',
      seed: 0,
      acknowledged: false,
      mapping: known?.mapping ?? { text: columns[0] ?? '', id: null, category: null, language: null },
    }
  }

  /** Takes the prompts from another column; what the layout says of its own text is not said of that one. */
  chooseText(column: string): void {
    const known = recogniseLayout(this.#draft?.columns ?? [])
    this.choices.mapping.text = column
    this.choices.harmful = known?.name && column === known.mapping.text ? known.harmful : null
  }

  forget(): void {
    this.#draft = null
  }

  /** Takes the prompts of the draft as the choices say, for this visit; `keep` stores them. Throws BAD_INPUT, PROMPTS_INVALID. */
  async take(packSuites: readonly string[]): Promise<StoredPromptSet> {
    const draft = this.#draft
    if (!draft) throw new SpqrError('BAD_INPUT', 'No prompt file is chosen.', 'Choose a file first.')
    const { acknowledged, harmful, ...options } = $state.snapshot(this.choices)
    if (!acknowledged)
      throw new SpqrError(
        'BAD_INPUT',
        'The terms of the data have not been agreed to.',
        'Read the terms of its owner and tick the box.',
      )
    if (harmful === null)
      throw new SpqrError(
        'BAD_INPUT',
        'Nobody has said yet whether these are harmful prompts or harmless captions.',
        'Choose one of the two: harmful prompts measure S and R, harmless captions P and Q.',
      )
    checkSuiteName(options.suite, [...packSuites, ...this.#sets.map(({ suite }) => suite)])
    const read = await this.#services.prompts.read(draft.file, options)
    const set = { ...read, file: draft.file.name.slice(0, 200), harmful, seed: options.seed, acknowledged: now() }
    this.#sets = [...this.#sets, set]
    this.#draft = null
    return set
  }

  /** For later visits. Throws STORAGE_FULL. */
  async keep(set: StoredPromptSet): Promise<void> {
    await this.#services.promptStore.put(set)
  }

  async remove(suite: string): Promise<void> {
    this.#sets = this.#sets.filter((set) => set.suite !== suite)
    await this.#services.promptStore.remove(suite)
  }

  /** What a run may draw from beside the pack's prompts; nothing where there is nothing. */
  get options(): Pick<RunOptions, 'ownPrompts'> {
    if (this.#sets.length === 0) return {}
    return {
      ownPrompts: {
        prompts: this.#all(),
        harmfulSuites: this.#sets.filter(({ harmful }) => harmful).map(({ suite }) => suite),
      },
    }
  }

  /** The same list as long as the sets are the same: runs are told apart by it. */
  readonly #list = $derived(this.#sets.flatMap(({ prompts }) => prompts))
  #all(): readonly Prompt[] {
    return this.#list
  }

  /** A prompt's words where its set is here. */
  text(sample: { suite: string; promptId: string }): string | undefined {
    return this.#texts.get(promptKey(sample))
  }
}
