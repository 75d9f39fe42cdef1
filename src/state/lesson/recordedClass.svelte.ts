/** A class that was recorded: short links of the lesson's training, each from a seed of its own, pooled as any class is. */
import * as v from 'valibot'
import { SpqrError } from '../../core/contracts'
import { withTally } from '../../evaluation/lesson/pool'
import { tallyOfClaim, type Tally } from '../../evaluation/lesson/tally'
import { readLinkParts } from '../../evaluation/share/mangled'
import { decodeShortLink } from '../../evaluation/share/shortLink'
import { sha256Hex } from '../../core/hash'
import type { RecipePack } from '../../evaluation/spec/spec'
import type { PackInfo } from '../page/pack.svelte'
import type { Services } from '../page/services'

const FILE = 'recorded/class.json'
const ClassSchema = v.strictObject({
  /** When it was recorded, ISO date. */
  at: v.string(),
  links: v.pipe(v.array(v.string()), v.maxLength(100)),
})

/** The page's pack as recipes are made from; null before it is read, or offline without its description. */
export async function recipePack(services: Pick<Services, 'readText'>, pack: PackInfo): Promise<RecipePack | null> {
  const { name, manifest, prompts, accelerator } = pack
  const text = manifest ? await services.readText(`packs/${name}/manifest.json`) : null
  if (!manifest || text === null) return null
  return { manifest, manifestSha256: sha256Hex(text), prompts: [...prompts], accelerator }
}

export class RecordedClass {
  #tallies = $state.raw<readonly Tally[]>([])
  #at = $state<string | null>(null)
  readonly #services: Services
  readonly #pack: PackInfo

  constructor(services: Services, pack: PackInfo) {
    this.#services = services
    this.#pack = pack
  }

  get tallies(): readonly Tally[] {
    return this.#tallies
  }
  /** When the class was recorded; null where none fits this version of the pack. */
  get at(): string | null {
    return this.#at
  }

  /** Reads the class, once; a class of another version of the pack is none. */
  async load(): Promise<void> {
    if (this.#at !== null) return
    const [file, pack] = await Promise.all([this.#services.readJson(FILE), recipePack(this.#services, this.#pack)])
    const parsed = v.safeParse(ClassSchema, file)
    if (!parsed.success || !pack) return
    try {
      let pool: Tally[] = []
      for (const [i, link] of parsed.output.links.entries())
        pool = withTally(pool, tallyOfClaim(decodeShortLink(readLinkParts(link)), pack, `recorded ${i + 1}`))
      this.#tallies = pool
      this.#at = parsed.output.at
    } catch (thrown) {
      if (!(thrown instanceof SpqrError)) throw thrown
    }
  }
}
