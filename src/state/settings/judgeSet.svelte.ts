/** Judges that take the place of the pack's: cards, folders that the export scripts wrote, and a reference for FID. */
import {
  SpqrError,
  loadPart,
  type DeviceChoice,
  type JudgeCard,
  type JudgeChoice,
  type ReferenceChoice,
} from '../../core/contracts'
import { parseModelAddress } from '../../core/sources'
import { picturesOf } from './folder'
import type { Services } from '../page/services'

/** What choosing files of the user's own needs from below. */
export type EngineServices = Pick<Services, 'withEngine' | 'keepReference'>

export interface JudgeFolder {
  name: string
  files: { path: string; blob: Blob }[]
}
/** Pictures seen together; a feature network of 299 × 299 takes about 50 MB for these. */
const BATCH = 8

export class JudgeSet {
  /** What ships as a description. */
  cards = $state.raw<readonly JudgeCard[]>([])
  /** Folders with a manifest.json, read in place. */
  folders = $state.raw<readonly JudgeFolder[]>([])
  reference = $state.raw<ReferenceChoice | null>(null)
  readonly #services: EngineServices

  constructor(services: EngineServices) {
    this.#services = services
  }

  /**
   * The choices behind card ids and addresses, and the folders.
   * @throws SpqrError BAD_INPUT for a card nobody knows, or one whose files have to be made first
   */
  choices(named: readonly string[], endpoint: string, token: string | null): JudgeChoice[] {
    const published = named.map((name): JudgeChoice => {
      const card = this.cards.find(({ judge }) => judge.id === name)
      if (card && card.address === null) {
        throw new SpqrError(
          'BAD_INPUT',
          `${card.judge.title} has no published files that run in a browser.`,
          `Make them with "${card.make ?? ''}", then choose the folder.`,
        )
      }
      if (!card && !/[:/]/.test(name))
        throw new SpqrError(
          'BAD_INPUT',
          `There is no judge "${name}".`,
          `Choose from ${this.cards.map(({ judge }) => judge.id).join(', ')}, or give an address.`,
        )
      return {
        description: card?.judge ?? null,
        source: { kind: 'address', address: parseModelAddress(card?.address ?? name), endpoint, token },
      }
    })
    return [
      ...published,
      ...this.folders.map((folder): JudgeChoice => ({ description: null, source: { kind: 'folder', ...folder } })),
    ]
  }

  /** A folder that a script under models/judges wrote. Throws BAD_INPUT without its manifest.json. */
  addFolder(files: readonly File[]): void {
    const [first] = files
    if (!first) return
    const inside = files.map((file) => ({
      path: file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
      blob: file,
    }))
    if (!inside.some(({ path }) => path === 'manifest.json')) {
      throw new SpqrError(
        'BAD_INPUT',
        'The folder holds no manifest.json of a judge.',
        'Choose the folder that a script under models/judges wrote.',
      )
    }
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    this.folders = [
      ...this.folders,
      { name: `${first.webkitRelativePath.split('/')[0] ?? first.name} (${bytes} bytes)`, files: inside },
    ]
  }

  /** Back to the pack's own judges and references. */
  reset(): void {
    this.folders = []
    this.reference = null
  }

  dropFolder(name: string): void {
    this.folders = this.folders.filter((folder) => folder.name !== name)
  }

  /**
   * Reference statistics from one npz or safetensors file, or from real pictures, which the quality judge then sees.
   * Throws SpqrError; the earlier reference then stays.
   */
  async takeReference(pack: string, device: DeviceChoice, files: readonly File[]): Promise<void> {
    const [first] = files
    if (!first) return
    await this.#services.withEngine(
      'looking at reference pictures',
      pack,
      { ...device, reference: undefined },
      async ({ pack: opened, ports }) => {
        const quality = opened.judges.find((facts) => facts.kind === 'features')
        if (!quality)
          throw new SpqrError(
            'BAD_INPUT',
            'There is no quality judge that a reference could be for.',
            'Add one, such as Inception-2015, then choose the reference again.',
          )
        const single = files.length === 1 && /\.(npz|safetensors)$/i.test(first.name)
        const { readReferenceStatistics } = await loadPart(() => import('../../core/reference'))
        const { features, n, moments } = single
          ? readReferenceStatistics(new Uint8Array(await first.arrayBuffer()), first.name, quality.dimension)
          : await this.#seen(ports.engine, quality, files)
        const name = single ? first.name : `${n} pictures`
        this.reference = {
          name,
          sha256: await this.#services.keepReference(features),
          n,
          dimension: quality.dimension,
          moments,
        }
      },
    )
  }

  async #seen(
    engine: {
      features(
        judgeId: string,
        pictures: { unitId: string; text: string; width: number; height: number; rgb: Uint8Array<ArrayBuffer> }[],
      ): Promise<Float32Array>
    },
    quality: { id: string; dimension: number },
    files: readonly File[],
  ) {
    const rows: Float32Array[] = []
    let batch: { unitId: string; text: string; width: number; height: number; rgb: Uint8Array<ArrayBuffer> }[] = []
    const see = async () => {
      if (batch.length > 0) rows.push(await engine.features(quality.id, batch))
      batch = []
    }
    for await (const { file, ...picture } of picturesOf(files)) {
      batch.push({ unitId: file, text: '', ...picture })
      if (batch.length === BATCH) await see()
    }
    await see()
    const n = rows.reduce((sum, { length }) => sum + length, 0) / quality.dimension
    if (n < 2)
      throw new SpqrError(
        'BAD_INPUT',
        `The folder holds ${n === 0 ? 'no pictures' : 'one picture'}; FID needs at least two.`,
        'Choose a folder of real PNG, JPEG or WebP pictures.',
      )
    const features = new Float32Array(n * quality.dimension)
    let at = 0
    for (const row of rows) {
      features.set(row, at)
      at += row.length
    }
    return { features, n, moments: false }
  }
}
