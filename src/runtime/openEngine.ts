/** From a pack's address and the choice of a device to everything that an engine works with. */
import type { DeviceChoice, EngineEvent, Judge, LoadedPack } from '../core/contracts'
import { AdapterShelf, ADAPTER_DATABASE, CHECKPOINT_DATABASE } from './storage/adapterShelf'
import { browserFacts, chooseDevice, environmentOf, type DeviceFacts } from './device'
import type { OnEvent } from './events'
import type { FileLoader, PackFiles } from './storage/files'
import { UNMEASURED, judgeFacts } from './judges/judgeFacts'
import { JudgeInTurn } from './judges/judgeInTurn'
import { loadJudge } from './judges/judgeLoading'
import { withJudges, withReference, type AddedJudge } from './judges/judgeSet'
import { readJudge } from './judges/judgeSource'
import { JudgePanel } from './judges/judgePanel'
import type { LoadedJudge } from './judges/judges'
import { Seating } from './judges/seating'
import type { Choice } from './generator/bestOf'
import { Models } from './generator/models'
import { loadOrt, type OrtRuntime } from './ort'
import { openFiles, type OpenOptions } from './openFiles'
import type { OpenedPack } from './pack'
import { isLarge, openPublished, precisionOf, type StoredPublished } from './published/publishedModel'
import type { ModelStore } from './storage/modelStore'
import { loadTokenizer, type PackTokenizer } from './generator/tokenizer'

export interface EngineOptions extends OpenOptions {
  /** Where onnxruntime's WebAssembly is: `<app>/ort/`. */
  ortBaseUrl: string
  appVersion: string
  /** For tests: the device. */
  facts?: () => DeviceFacts
  models?: ModelStore
}

export interface Opened {
  pack: OpenedPack
  files: PackFiles
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  models: Models
  published: StoredPublished | null
  panel: JudgePanel
  /** When the judges of the panel are loaded. */
  seating: Seating
  /** Judges that choose among pictures; they are never among those that score. */
  guides: JudgePanel
  choice: Choice | null
  /** Where the files of judges are that are not the pack's. */
  added: ReadonlyMap<string, FileLoader>
  /** A variant was prepared, or tried to be. */
  began: boolean
  /** Parts of a large model and judges are loaded for their turn and let go. */
  oneAtATime: boolean
}

/**
 * Opens a pack, or a published model with a pack's prompts and judges.
 * @returns what the engine keeps, and what it tells of it
 */
export async function openEngine(
  options: EngineOptions,
  baseUrl: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
): Promise<{ opened: Opened; loaded: LoadedPack }> {
  const facts = (options.facts ?? browserFacts)()
  const chosen = await chooseDevice(device, facts)
  for (const warning of chosen.warnings) onEvent({ type: 'warning', ...warning })
  // Before any tokenizer: transformers.js, loaded first, would point onnxruntime to a CDN.
  const [runtime, { pack, files, fetch: fetcher, store }] = await Promise.all([
    loadOrt(chosen.provider, chosen.threads, options.ortBaseUrl, device.model !== undefined),
    openFiles(options, baseUrl, onEvent, signal),
  ])
  const places = { store: options.models, fetch: fetcher, onEvent }
  const own = device.model ? await openPublished(pack, device.model, places, signal) : null
  const { manifestSha256 } = own ?? pack
  const { added, sources } = await judgeSet(device, options.models, onEvent, signal)
  const seated = withJudges({ manifest: own?.manifest ?? pack.manifest, judges: pack.judges }, added)
  const { manifest, judges } = withReference(seated, device.reference)
  const tokenizer = own ? own.tokenizer : await loadTokenizer(files, manifest.model.tokenizer, signal)
  // A published model reads prompts with a tokenizer of its own; the pack's prompt judge keeps the pack's.
  const judgeTokenizer = own ? await loadTokenizer(files, pack.manifest.model.tokenizer, signal) : tokenizer
  const stores = { own: store(ADAPTER_DATABASE), checkpoints: store(CHECKPOINT_DATABASE) }
  const shelf = new AdapterShelf(manifest, files, stores, onEvent)
  // Parts of a large model and judges are loaded for their turn and let go.
  const oneAtATime = own !== null && isLarge(manifest, runtime.provider)
  const accelerator = own ? null : pack.accelerator
  const parts = { runtime, manifest, files, tokenizer, shelf, onEvent }
  const models = new Models({ ...parts, accelerator, published: own?.files, oneAtATime })
  const judging = { runtime, files, tokenizer: judgeTokenizer, sources, models, oneAtATime }
  const opened: Opened = {
    pack: { ...pack, manifest, manifestSha256, judges },
    files,
    tokenizer,
    shelf,
    models,
    ...panelsOf(manifest.judges, judging),
    choice: null,
    added: sources,
    published: own?.files ?? null,
    began: false,
    oneAtATime,
  }
  onEvent({ type: 'phase', phase: 'ready', what: manifest.id })
  const onnxruntime = runtime.ort.env.versions.web ?? 'unknown'
  const versions = { onnxruntime, transformers: tokenizer.library, app: options.appVersion }
  const environment = environmentOf(chosen, facts, versions, precisionOf(manifest.model))
  const { prompts, measured } = pack
  return { opened, loaded: { manifest, manifestSha256, prompts, judges, environment, measured, accelerator } }
}

/** What judges are loaded from. */
interface Judging {
  runtime: OrtRuntime
  files: PackFiles
  tokenizer: PackTokenizer
  /** Files of judges that are not the pack's. */
  sources: ReadonlyMap<string, FileLoader>
  models: Models
  oneAtATime: boolean
}

/** Judges that score, and those that choose: they are loaded apart, and never mixed up. */
function panelsOf(judges: readonly Judge[], judging: Judging): Pick<Opened, 'panel' | 'seating' | 'guides'> {
  const create = () => new JudgePanel(judges, (judge, until) => openJudge(judging, judge, until))
  const panel = create()
  return { panel, seating: new Seating(panel), guides: create() }
}

/** A judge that is loaded, or one that is loaded for each turn and let go. */
function openJudge(
  { runtime, files, tokenizer, sources, models, oneAtATime }: Judging,
  judge: Judge,
  until: AbortSignal,
): Promise<LoadedJudge> {
  const load = (live: AbortSignal) =>
    loadJudge({ runtime, files: sources.get(judge.id) ?? files, tokenizer, onEvent: models.onEvent }, judge, live)
  // A turn belongs to a later job, whose own signal is checked between judges.
  return oneAtATime ? JudgeInTurn.create(judge, () => load(new AbortController().signal)) : load(until)
}

/** The judges a run takes beside the pack's, and where each one's files are. */
async function judgeSet(
  { judges = [] }: DeviceChoice,
  store: ModelStore | undefined,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<{ added: AddedJudge[]; sources: Map<string, FileLoader> }> {
  const added: AddedJudge[] = []
  const sources = new Map<string, FileLoader>()
  for (const choice of judges) {
    const { judge, files } = await readJudge(choice, onEvent, signal, store)
    added.push({ judge, facts: await judgeFacts(files, judge, UNMEASURED, signal) })
    sources.set(judge.id, files)
  }
  return { added, sources }
}
