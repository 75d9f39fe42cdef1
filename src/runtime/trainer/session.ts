/** What a training run starts from: data encoded, the alignment merged, the step loaded, the state found again. */
import { parseAdapter, readSafetensors, type Adapter } from '../../core/adapters'
import {
  SpqrError,
  type AlignmentSpec,
  type LiveFineTune,
  type PackManifest,
  type TrainingProfile,
} from '../../core/contracts'
import { mitigationMethod } from '../../core/methods'
import type { AnchorBank } from '../../core/mitigation'
import { initialLora, rootMeanSquare } from '../../core/training'
import { adaptableWeights, changesOf, targetsOf, type AdapterShelf } from '../storage/adapterShelf'
import type { KeyValue } from '../storage/cache'
import type { Device } from '../device'
import { throwIfAborted, type OnEvent } from '../events'
import type { PackFiles } from '../storage/files'
import { createGraph } from '../generator/createGraph'
import { Models } from '../generator/models'
import type { OrtRuntime } from '../ort'
import type { OpenedPack } from '../pack'
import { Stage } from '../generator/stage'
import { TextEncoder as PromptEncoder } from '../generator/text'
import type { PackTokenizer } from '../generator/tokenizer'
import { layOut, packed } from '../generator/weights'
import { anchorPrompts, anchorsOf } from './anchors'
import { plannedBatch, type EncodedData } from './batch'
import { trainedAlignment, weightView, type CheckpointStore } from './checkpoint'
import {
  encodeLatents,
  forbiddenNames,
  isPackData,
  keptData,
  packData,
  screenCaptions,
  type TrainingData,
} from './dataset'
import { alignedModel } from './alignedModel'
import { contaminated, drawingsOf, flaggedScores } from './contamination'
import { splitCaptions } from './heldOut'
import { mitigationRun, type MitigationRun } from './mitigation'
import { TrainingStep, type TrainingState } from './step'

/** An open pack and what reads from it. */
export interface Opened {
  pack: OpenedPack
  files: PackFiles
  runtime: OrtRuntime
  device: Device
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  checkpoints: KeyValue
  /** States and adapters in `checkpoints`. */
  saved: CheckpointStore
  /** Folders added in this visit, by SHA-256. */
  datasets: ReadonlyMap<string, TrainingData>
  /** The anchors made last, and of which alignment and seed. */
  anchors?: { key: string; bank: AnchorBank }
  onEvent: OnEvent
}

/** Everything a run needs between calls of `train`. */
export interface Session extends EncodedData {
  run: string
  profile: TrainingProfile
  weights: Uint8Array<ArrayBuffer>
  step: TrainingStep
  state: TrainingState
  /** The state at step 0, new each time. */
  begin(): TrainingState
  mitigation: MitigationRun
  /** Root mean square of the parameters at step 0. */
  startSize: number
  /** Captions of the pictures that are not trained on. */
  heldOut: TrainingData['captions']
}

/** Loads, encodes and merges what a run starts from; goes on from its stored state where there is one. */
export async function prepareSession(
  opened: Opened,
  run: string,
  profile: TrainingProfile,
  alignment: AlignmentSpec | null,
  fineTune: LiveFineTune,
  signal: AbortSignal,
): Promise<Session> {
  const {
    files,
    runtime,
    pack: { manifest },
  } = opened
  const training = manifest.training!
  const harmless = await trainingData(opened, fineTune, signal)
  const forbidden = await forbiddenNames(files, training, signal)
  screenCaptions(harmless.captions, forbidden)
  const seen = [...new Set(splitCaptions(harmless, fineTune).trained.map(({ image }) => image))]
  const data = await contaminated(opened, harmless, seen, forbidden, fineTune, signal)
  const adapters = await alignmentAdapters(opened, trainedAlignment(alignment, fineTune), signal)
  const prompts = await mitigationPrompts(opened, fineTune, signal)
  const { trained, heldOut } = splitCaptions(data, fineTune)
  const contexts = await embedded(opened, adapters, ['', ...trained.map(({ text }) => text), ...prompts], signal)
  const latents = await pictureLatents(opened, data, signal)
  throwIfAborted(signal)
  const unet = packed('U-Net', manifest.model.unet)
  const own = adapters.map((one) => targetsOf(one, unet, ''))
  const weights = layOut('U-Net', unet, await files.load(unet.weights, signal), own)
  opened.onEvent({ type: 'phase', phase: 'session', what: `training ${profile.profile}` })
  const graph = await files.load(profile.graph, signal)
  const step = await TrainingStep.create(runtime, training, profile, graph, unet, weights)
  const start = initialState(profile, opened, weights, fineTune.seed)
  const encoded: EncodedData = { latents, captions: trained, contexts, empty: contexts.get('')! }
  const mitigation = await mitigationRun(fineTune.mitigation, {
    profile,
    training,
    unet,
    weights,
    start: start.flat,
    fineTune,
    gradient: (batch, flat = start.flat) => step.gradient(flat, batch),
    benign: (at) => plannedBatch(encoded, fineTune, at, latentSize(manifest), training.captionDropout),
    flagged: () => flaggedScores(opened, drawingsOf(data, manifest.model.image), signal),
    aligned: () => alignedModel(opened, trainedAlignment(alignment, fineTune), signal),
    alignmentChanges: () => alignmentChanges(opened, adapters),
    anchors: () => anchorsOf(opened, trainedAlignment(alignment, fineTune), prompts, contexts, fineTune.seed, signal),
  }).catch(async (thrown: unknown) => {
    await step.release()
    throw thrown
  })
  const begin = () => beginning(start, mitigation)
  const fresh = begin()
  const state = (await opened.saved.state(run, profile.length, fresh.average?.length ?? 0)) ?? fresh
  opened.onEvent({ type: 'phase', phase: 'ready', what: `training ${profile.profile}` })
  const startSize = rootMeanSquare(start.flat)
  return { run, profile, weights, step, state, begin, mitigation, startSize, heldOut, ...encoded }
}

export const latentSize = ({ model: { latent } }: PackManifest): number =>
  latent.channels * latent.height * latent.width

/** The state at step 0, a copy. */
function beginning(start: TrainingState, mitigation: MitigationRun): TrainingState {
  const state = { ...start, flat: start.flat.slice(), losses: [], ratios: [] }
  mitigation.begin?.(state)
  return state
}

/** The pictures of the data as latents; the encoder is let go afterwards. */
async function pictureLatents(
  { runtime, files, pack: { manifest }, onEvent }: Opened,
  data: TrainingData,
  signal: AbortSignal,
): Promise<Float32Array> {
  if (!manifest.model.vaeEncoder)
    throw new SpqrError(
      'BAD_INPUT',
      `The pack "${manifest.id}" has no encoder for pictures, so it cannot be fine-tuned.`,
      'Publish the pack with a vaeEncoder.',
    )
  const component = packed('picture encoder', manifest.model.vaeEncoder)
  const vae = await createGraph(runtime, files, 'picture encoder', component, [], onEvent, signal)
  return encodeLatents(data, manifest.model, vae).finally(() => vae.release())
}

/** Forbidden prompts that the mitigation of a run works with; empty where it has none. */
async function mitigationPrompts(
  { files, pack: { manifest } }: Opened,
  { mitigation, seed }: LiveFineTune,
  signal: AbortSignal,
): Promise<string[]> {
  if (!mitigation || !mitigationMethod(mitigation.method).needsAnchors) return []
  const names = await forbiddenNames(files, manifest.training!, signal)
  return anchorPrompts(names, manifest.model.scheduler.numInferenceSteps, seed)
}

/** The embedding of every text, by the text encoder with the adapters' changes. */
async function embedded(
  { runtime, files, pack: { manifest }, tokenizer, onEvent }: Opened,
  adapters: readonly Adapter[],
  all: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, Float32Array>> {
  const component = packed('text encoder', manifest.model.textEncoder)
  const own = changesOf(adapters, manifest.model.textEncoder, 'text_encoder.')
  const graph = await createGraph(runtime, files, 'text encoder', component, own, onEvent, signal)
  const texts = [...new Set(all)]
  const stage = new Stage({ component, create: () => Promise.resolve(graph) })
  const embeds = await new PromptEncoder(stage, tokenizer, () => undefined).embed(texts).finally(() => graph.release())
  return new Map(texts.map((text, i) => [text, embeds[i]!]))
}

/** What adapters change, weight by weight, under the names that adapter files use. */
async function alignmentChanges(
  { pack: { manifest }, files }: Opened,
  adapters: readonly Adapter[],
): Promise<Map<string, { dims: readonly number[]; base: Float32Array; aligned: Float32Array }>> {
  const changes = new Map<string, { dims: readonly number[]; base: Float32Array; aligned: Float32Array }>()
  for (const [what, model, prefix] of [
    ['U-Net', manifest.model.unet, ''],
    ['text encoder', manifest.model.textEncoder, 'text_encoder.'],
  ] as const) {
    const component = packed(what, model)
    const own = adapters.map((one) => targetsOf(one, component, prefix))
    if (own.every(({ targets }) => targets.size === 0)) continue
    const stored = await files.load(component.weights)
    const [base, aligned] = [layOut(what, component, stored), layOut(what, component, stored, own)]
    for (const { name, dims } of component.externalData.tensors) {
      if (own.some(({ targets }) => targets.has(name)))
        changes.set(prefix + name, {
          dims,
          base: weightView(component, base, name),
          aligned: weightView(component, aligned, name),
        })
    }
  }
  return changes
}

async function trainingData(opened: Opened, fineTune: LiveFineTune, signal: AbortSignal): Promise<TrainingData> {
  if (isPackData(fineTune, opened.pack.manifest))
    return packData(opened.files, opened.pack.manifest.training!, fineTune, signal)
  const data =
    opened.datasets.get(fineTune.datasetSha256) ?? (await keptData(opened.checkpoints, fineTune.datasetSha256))
  if (!data)
    throw new SpqrError(
      'DATASET_INVALID',
      `The training set "${fineTune.dataset}" is not stored in this browser.`,
      'Add the folder again.',
    )
  return data
}

/** What the alignment does to the weights; guidance-time methods do nothing, so training happens beneath them. */
async function alignmentAdapters(
  opened: Opened,
  alignment: AlignmentSpec | null,
  signal: AbortSignal,
): Promise<Adapter[]> {
  if (alignment === null || alignment.kind === 'inference') return []
  const {
    pack: { manifest },
    shelf,
  } = opened
  if (alignment.kind !== 'closed-form') return [await shelf.alignment(alignment, signal)]
  const models = new Models({ ...opened, manifest, onEvent: opened.onEvent })
  try {
    const bytes = await models.alignmentBytes(alignment, signal)
    return [parseAdapter(readSafetensors(bytes), adaptableWeights(manifest), { strength: 1, name: alignment.method })]
  } finally {
    await models.release()
  }
}

/** Step 0: LoRA factors that change nothing yet, or the weights as they are. */
export function initialState(
  profile: TrainingProfile,
  { pack }: Opened,
  weights: Uint8Array<ArrayBuffer>,
  seed: number,
): TrainingState {
  const flat = profile.lora
    ? initialLora(seed, profile.length, profile.lora.rank, profile.parameters)
    : new Float32Array(profile.length)
  if (!profile.lora)
    for (const { name, offset } of profile.parameters)
      flat.set(weightView(packed('U-Net', pack.manifest.model.unet), weights, name), offset)
  return {
    step: 0,
    flat,
    m: new Float32Array(profile.length),
    v: new Float32Array(profile.length),
    losses: [],
    ratios: [],
  }
}
