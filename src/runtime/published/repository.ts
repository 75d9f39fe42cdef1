/** Reads a published model without downloading it: listing, configurations, the heads of its graphs → a manifest. */
import * as v from 'valibot'
import type { ByteSource } from '../../core/adapters'
import {
  SpqrError,
  named,
  type ModelManifest,
  type RepositoryFile,
  type RepositoryTokenizer,
} from '../../core/contracts'
import { readOnnx } from '../../core/onnx'
import {
  ModelIndexSchema,
  SchedulerFileSchema,
  TokenizerFileSchema,
  UnetFileSchema,
  VaeFileSchema,
  VocabularySchema,
  chooseGraph,
  clipTokenizerJson,
  deriveModel,
  findGraphs,
  precisionOf,
  readConfig,
  readMerges,
  variantsOf,
  type GraphFile,
  type PartName,
  type ReadGraph,
  type RepositoryFacts,
  type SamplingDefaults,
} from '../../core/repository'
import type { PublishedFiles } from './published'
import type { ModelSource } from './sources'
import { buildTokenizer, type PackTokenizer } from '../generator/tokenizer'

export interface RepositoryChoice {
  /** Which precision, by what file names say; null: the plain one. */
  variant: string | null
  /** Steps and guidance where they are known. */
  defaults?: Partial<SamplingDefaults>
  title?: string
}

/** Largest configuration file read whole; a tokenizer.json of CLIP has 2 MB. */
const MAX_CONFIG_BYTES = 32 * 2 ** 20

class Reader {
  constructor(
    private readonly source: ModelSource,
    readonly files: readonly RepositoryFile[],
    private readonly signal?: AbortSignal,
  ) {}

  /** The first of these paths that exists. */
  find(...paths: string[]): RepositoryFile | null {
    for (const path of paths) {
      const file = this.files.find((one) => one.path === path)
      if (file) return file
    }
    return null
  }

  async text({ path, bytes }: RepositoryFile): Promise<string> {
    if (bytes > MAX_CONFIG_BYTES)
      throw new SpqrError(
        'SOURCE_UNSUITABLE',
        `"${path}" has ${bytes} bytes, too many for a configuration file.`,
        'Check that the file is what its name says.',
      )
    return new TextDecoder().decode(await this.source.readRange(path, 0, bytes, this.signal))
  }

  async config<Schema extends v.GenericSchema>(
    schema: Schema,
    ...paths: string[]
  ): Promise<v.InferOutput<Schema> | null> {
    const file = this.find(...paths)
    return file ? readConfig(schema, file.path, await this.text(file)) : null
  }

  async graph({ file }: GraphFile): Promise<ReadGraph> {
    const bytes: ByteSource = {
      size: file.bytes,
      slice: (offset, length) => this.source.readRange(file.path, offset, offset + length, this.signal),
    }
    return { file, model: await readOnnx(bytes, file.path) }
  }
}

/**
 * The manifest of a repository; only heads and configurations are fetched.
 * @throws SpqrError SOURCE_NOT_FOUND, SOURCE_FORBIDDEN, SOURCE_UNSUITABLE, GRAPH_MISMATCH, DOWNLOAD_FAILED, ABORTED
 */
export async function readRepository(
  source: ModelSource,
  choice: RepositoryChoice,
  signal?: AbortSignal,
): Promise<ModelManifest> {
  const listing = await source.list(signal)
  const files = listing.files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }))
  const found = findGraphs(source.id, files)
  const variants = variantsOf(found)
  if (choice.variant !== null && !variants.includes(choice.variant)) {
    throw new SpqrError(
      'BAD_INPUT',
      `"${source.id}" has no variant "${choice.variant}".`,
      `It has ${variants.map((name) => (name === '' ? 'the plain files' : `"${name}"`)).join(', ')}.`,
    )
  }
  const reader = new Reader(source, files, signal)
  const chosen = (part: PartName) => reader.graph(chooseGraph(found[part], choice.variant))
  const graphs = {
    textEncoder: await chosen('textEncoder'),
    unet: await chosen('unet'),
    vaeDecoder: await chosen('vaeDecoder'),
    vaeEncoder: found.vaeEncoder.length > 0 ? await chosen('vaeEncoder') : null,
  }
  const { model, notes } = deriveModel({
    id: source.id,
    files,
    graphs,
    fallbacks: await fallbacksOf(reader, found, graphs),
    modelIndex: await reader.config(ModelIndexSchema, 'model_index.json'),
    scheduler: await reader.config(SchedulerFileSchema, 'scheduler/scheduler_config.json', 'scheduler_config.json'),
    unetConfig: await reader.config(UnetFileSchema, 'unet/config.json'),
    vaeConfig: await reader.config(VaeFileSchema, 'vae_decoder/config.json', 'vae/config.json'),
    tokenizer: await readTokenizer(reader, source.id),
    defaults: choice.defaults ?? {},
  })
  return {
    schema: 1,
    kind: 'repository',
    id: source.id,
    version: listing.id,
    title: choice.title ?? source.id,
    licence: listing.licence,
    variants,
    model,
    notes,
  }
}

/** Float32 graphs beside half-precision ones. */
async function fallbacksOf(
  reader: Reader,
  found: Record<PartName, GraphFile[]>,
  graphs: RepositoryFacts['graphs'],
): Promise<RepositoryFacts['fallbacks']> {
  const fallbacks: RepositoryFacts['fallbacks'] = {}
  for (const part of ['textEncoder', 'unet', 'vaeDecoder'] as const) {
    const { file, model } = graphs[part]
    if (precisionOf(model) !== 'float16') continue
    for (const other of found[part].filter((one) => one.file !== file && /^(|fp32|float32)$/i.test(one.variant))) {
      const read = await reader.graph(other)
      if (precisionOf(read.model) === 'float32') fallbacks[part] = read
    }
  }
  return fallbacks
}

const TokenizerJsonSchema = v.looseObject({
  model: v.looseObject({ vocab: VocabularySchema }),
  added_tokens: v.optional(v.array(v.looseObject({ id: v.number(), content: v.string() })), []),
})

async function readTokenizer(reader: Reader, id: string): Promise<RepositoryFacts['tokenizer']> {
  const named = (name: string) => reader.find(`tokenizer/${name}`, name)
  const files: RepositoryTokenizer['files'] = {
    config: named('tokenizer_config.json'),
    json: named('tokenizer.json'),
    vocabulary: named('vocab.json'),
    merges: named('merges.txt'),
  }
  const config = files.config ? readConfig(TokenizerFileSchema, files.config.path, await reader.text(files.config)) : {}
  if (files.json) {
    const { model, added_tokens: added } = readConfig(
      TokenizerJsonSchema,
      files.json.path,
      await reader.text(files.json),
    )
    return {
      config,
      files,
      vocabulary: Object.fromEntries([
        ...Object.entries(model.vocab),
        ...added.map((token) => [token.content, token.id] as const),
      ]),
    }
  }
  if (files.vocabulary && files.merges)
    return {
      config,
      files,
      vocabulary: readConfig(VocabularySchema, files.vocabulary.path, await reader.text(files.vocabulary)),
    }
  throw new SpqrError(
    'SOURCE_UNSUITABLE',
    `"${id}" has no tokenizer.`,
    'It needs tokenizer/tokenizer.json, or tokenizer/vocab.json with merges.txt.',
  )
}

/** The tokenizer of a published model from its stored files. Throws SOURCE_UNSUITABLE, MANIFEST_INVALID. */
export async function publishedTokenizer(
  files: PublishedFiles,
  settings: RepositoryTokenizer,
  what: string,
  signal?: AbortSignal,
): Promise<PackTokenizer> {
  const text = async (file: RepositoryFile) => (await files.blob(file, signal)).text()
  const { config: configFile, json, vocabulary, merges } = settings.files
  const record = named(v.unknown())
  const rawConfig = configFile ? readConfig(record, configFile.path, await text(configFile)) : {}
  if (json) return buildTokenizer(readConfig(record, json.path, await text(json)), rawConfig, settings, what)
  if (!vocabulary || !merges)
    throw new SpqrError('MANIFEST_INVALID', `The manifest of ${what} names no tokenizer.`, 'Open the model again.')
  const config = configFile ? readConfig(TokenizerFileSchema, configFile.path, JSON.stringify(rawConfig)) : {}
  const built = clipTokenizerJson(
    readConfig(VocabularySchema, vocabulary.path, await text(vocabulary)),
    readMerges(await text(merges)),
    config,
  )
  return buildTokenizer(built, rawConfig, settings, what)
}
