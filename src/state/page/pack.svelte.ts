/** What the page knows of a pack before any weight is loaded: its description, prompts and measured figures. */
import * as v from 'valibot'
import { readAccelerator } from '../../core/adapters'
import {
  AlignmentsSchema,
  AttackSuitesSchema,
  PackManifestSchema,
  PromptFileSchema,
  RevisionsSchema,
  alignmentsBeside,
  conceptName,
  isBeside,
  suitesBeside,
  type Accelerator,
  type PackManifest,
  type Prompt,
} from '../../core/contracts'
import { prepare } from '../../evaluation/spec/possible'
import type { RecipePack } from '../../evaluation/spec/spec'
import { textsOf } from './names'
import type { Services } from './services'

/** Lets the page draw and listen between two pieces of work. */
const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

export class PackInfo {
  #name = $state('')
  #manifest = $state.raw<PackManifest | null>(null)
  #prompts = $state.raw<readonly Prompt[]>([])
  #measured = $state.raw<unknown>(null)
  #accelerator = $state.raw<Accelerator | null>(null)
  #prepared = $state(false)
  readonly texts = $derived(textsOf(this.#prompts))

  get name(): string {
    return this.#name
  }
  /** Whether the prompts are hashed: telling what is possible then takes a millisecond or two, and a frame or more before. */
  get prepared(): boolean {
    return this.#prepared
  }
  get manifest(): PackManifest | null {
    return this.#manifest
  }
  get prompts(): readonly Prompt[] {
    return this.#prompts
  }
  /** The pack's few-step adapter with its figures; null where it has none that fits. */
  get accelerator(): Accelerator | null {
    return this.#accelerator
  }
  get measured(): unknown {
    return this.#measured
  }

  /** What a specification is made from; null before the pack is read. Its manifest is named by its bytes only in the engine. */
  readonly recipe = $derived.by((): RecipePack | null =>
    this.#manifest && this.#prompts.length > 0
      ? {
          manifest: this.#manifest,
          manifestSha256: '0'.repeat(64),
          prompts: [...this.#prompts],
          accelerator: this.#accelerator,
        }
      : null,
  )

  /** Hashes the prompts, a part at a time: the form can then tell what is possible within a frame. */
  async prepare(pause = nextTask): Promise<void> {
    await prepare(this.#prompts, pause)
    this.#prepared = true
  }

  /** Reads manifest, prompts and figures; a pack that is absent or invalid stays null, and the engine says why when asked. */
  async load(services: Pick<Services, 'readJson'>, name: string): Promise<void> {
    this.#name = name
    const base = `packs/${name}/`
    const read = v.safeParse(PackManifestSchema, await services.readJson(`${base}manifest.json`))
    if (!read.success) return
    const [later, revised, found, accelerator] = await Promise.all([
      services.readJson(`${base}alignments.json`),
      services.readJson(`${base}revisions.json`),
      services.readJson(`${base}attacks.json`),
      services.readJson(`${base}accelerator.json`),
    ])
    const revisions = v.safeParse(RevisionsSchema, revised)
    const attacks = v.safeParse(AttackSuitesSchema, found)
    const { suites } = suitesBeside(
      read.output,
      revisions.success ? revisions.output : null,
      attacks.success ? attacks.output : null,
    )
    const alignments = v.safeParse(AlignmentsSchema, later)
    const { adapters } = alignmentsBeside(read.output, alignments.success ? alignments.output : null)
    const manifest = {
      ...read.output,
      adapters: [...read.output.adapters, ...adapters],
      prompts: [...read.output.prompts, ...suites],
    }
    const files = await Promise.all(manifest.prompts.map(({ file }) => services.readJson(base + file.path)))
    const parsed = files.map((file) => v.safeParse(PromptFileSchema, file))
    this.#accelerator = acceleratorOf(accelerator, manifest)
    // A suite beside the manifest whose file is missing is not offered.
    this.#manifest = {
      ...manifest,
      prompts: manifest.prompts.filter((entry, i) => !isBeside(entry) || parsed[i]?.success),
    }
    this.#prompts = parsed.flatMap((one) => (one.success ? one.output : []))
    this.#measured = manifest.measured ? await services.readJson(base + manifest.measured.path) : null
  }

  /** The prompt's own words, or what is known of it when its text is not here (links never carry texts). */
  text(sample: { promptId: string; concept: string | null }): string {
    return this.texts.get(sample.promptId) ?? (sample.concept === null ? sample.promptId : conceptName(sample.concept))
  }
}

/** The engine says what is wrong with one that does not fit; here it is only not offered. */
function acceleratorOf(contents: unknown, { model }: PackManifest): Accelerator | null {
  try {
    return contents === null ? null : readAccelerator(contents, model)
  } catch {
    return null
  }
}
