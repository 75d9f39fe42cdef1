/**
 * The trainer behind TrainerApi: benign fine-tuning of the pack's U-Net, step by step, in this browser.
 * Batch, noise and timestep of step i depend only on the seed and i; on WASM with a pinned thread count the result is
 * bit-identical. State and checkpoints are stored in IndexedDB, so training goes on after a reload.
 */
import {
  SpqrError,
  reviveError,
  type AlignmentSpec,
  type DeviceChoice,
  type EngineEvent,
  type LiveFineTune,
  type TrainerApi,
  type TrainerEvent,
  type TrainingProfile,
  type TrainingTrace,
} from '../../core/contracts'
import { assertMitigable } from '../../core/mitigation'
import { hasDiverged, hasExploded, rootMeanSquare } from '../../core/training'
import { AdapterShelf, ADAPTER_DATABASE, CHECKPOINT_DATABASE } from '../storage/adapterShelf'
import { browserFacts, chooseDevice } from '../device'
import type { EngineOptions } from '../openEngine'
import { digestHex, throwIfAborted, yieldToMessages } from '../events'
import { loadOrt } from '../ort'
import { openFiles } from '../openFiles'
import { SerialQueue } from '../serial'
import { loadTokenizer } from '../generator/tokenizer'
import { packed } from '../generator/weights'
import { plannedBatch } from './batch'
import { adapterBytes, changeBytes, checkpointKey, CheckpointStore, runKey } from './checkpoint'
import {
  dataHash,
  forbiddenNames,
  keepData,
  screenCaptions,
  userData,
  type TrainingData,
  type UserPicture,
} from './dataset'
import { heldOutLosses } from './heldOut'
import { screenPictures } from './screen'
import { latentSize, prepareSession, type Opened, type Session } from './session'

/** Milliseconds between savings of the state while steps go on: a reload loses no more than this. */
const SAVE_EVERY_MS = 15_000

export class Trainer implements TrainerApi {
  private readonly queue = new SerialQueue()
  private opened: Opened | null = null
  private session: Session | null = null
  private readonly datasets = new Map<string, TrainingData>()
  private onEvent: (event: EngineEvent) => void = () => undefined

  constructor(private readonly options: EngineOptions) {}

  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<void> {
    return this.queue.run(async (signal) => {
      await this.release()
      this.onEvent = onEvent
      // WASM unless WebGPU is asked for by name: only there are two runs bit-identical across machines.
      const choice: DeviceChoice = {
        ...device,
        executionProvider: device.executionProvider === 'webgpu' ? 'webgpu' : 'wasm',
      }
      const chosen = await chooseDevice(choice, (this.options.facts ?? browserFacts)())
      const { pack, files, store } = await openFiles(this.options, baseUrl, onEvent, signal)
      if (!pack.manifest.training)
        throw new SpqrError(
          'BAD_INPUT',
          `The pack "${pack.manifest.id}" has no training graphs.`,
          'Choose a pack that can be fine-tuned, or a fine-tune of the pack.',
        )
      const runtime = await loadOrt(chosen.provider, chosen.threads, this.options.ortBaseUrl)
      const tokenizer = await loadTokenizer(files, pack.manifest.model.tokenizer, signal)
      const checkpoints = store(CHECKPOINT_DATABASE)
      const shelf = new AdapterShelf(pack.manifest, files, { own: store(ADAPTER_DATABASE), checkpoints }, onEvent)
      this.opened = {
        pack,
        files,
        runtime,
        device: chosen,
        tokenizer,
        shelf,
        checkpoints,
        saved: new CheckpointStore(checkpoints, (code, message) => onEvent({ type: 'warning', code, message })),
        datasets: this.datasets,
        onEvent,
      }
      onEvent({ type: 'phase', phase: 'ready', what: pack.manifest.id })
    })
  }

  addDataset(name: string, pictures: UserPicture[]): Promise<{ sha256: string; count: number }> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      const data = userData(name, pictures, opened.pack.manifest.model.image)
      screenCaptions(data.captions, await forbiddenNames(opened.files, opened.pack.manifest.training!, signal))
      await screenPictures(opened, pictures, signal)
      const sha256 = await dataHash(data)
      this.datasets.set(sha256, data)
      try {
        await keepData(opened.checkpoints, sha256, data)
      } catch {
        this.onEvent({
          type: 'warning',
          code: 'STORAGE_FULL',
          message: `The browser refused to store "${name}"; after a reload it has to be added again.`,
        })
      }
      return { sha256, count: data.count }
    })
  }

  train(
    alignment: AlignmentSpec | null,
    fineTune: LiveFineTune,
    toStep: number,
    onStep: (event: TrainerEvent) => void,
  ): Promise<{ checkpointKey: string; trace: TrainingTrace }> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      const profile = this.check(opened, alignment, fineTune, toStep)
      const run = await runKey(opened.pack.manifestSha256, alignment, fineTune, {
        provider: opened.device.provider,
        threads: opened.device.threads,
      })
      if (this.session?.run !== run) {
        await this.release()
        this.session = await prepareSession(opened, run, profile, alignment, fineTune, signal)
      }
      const { session } = this
      const store = opened.saved
      const key = checkpointKey(run, toStep)
      if (session.state.step > toStep) {
        const known = await store.adapter(key).catch((thrown: unknown) => {
          this.onEvent({ type: 'warning', code: 'CHECKPOINT_INVALID', message: reviveError(thrown).message })
          return null
        })
        if (known)
          return {
            checkpointKey: key,
            trace: {
              losses: session.state.losses.slice(0, toStep),
              adapterSha256: await digestHex(known),
              ...(await heldOutTrace(opened, session, alignment, toStep, known, signal)),
            },
          }
        // The steps behind are gone, but they can be taken again: the same seed gives the same batches.
        session.state = session.begin()
      }
      await this.steps(opened, session, fineTune, toStep, onStep, signal, store)
      const bytes = await storedBytes(opened, session)
      await store.saveAdapter(key, bytes)
      await store.saveState(run, session.state)
      const trace: TrainingTrace = {
        losses: [...session.state.losses],
        adapterSha256: await digestHex(bytes),
        ...(await heldOutTrace(opened, session, alignment, toStep, bytes, signal)),
      }
      return { checkpointKey: key, trace }
    })
  }

  async exportAdapter(key: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string }> {
    // Beside the steps: whoever makes pictures meanwhile need not wait for the next checkpoint.
    const bytes = await this.need().saved.adapter(key)
    return { bytes, sha256: await digestHex(bytes) }
  }

  abort(): Promise<void> {
    this.queue.abort()
    return Promise.resolve()
  }

  close(): Promise<void> {
    return this.queue.run(async () => {
      await this.release()
      this.opened = null
    })
  }

  private need(): Opened {
    if (!this.opened) throw new SpqrError('BAD_INPUT', 'No pack is open.', 'Open a pack first.')
    return this.opened
  }

  private async release(): Promise<void> {
    const { session } = this
    this.session = null
    await session?.step.release()
    await session?.mitigation.release?.()
  }

  private check(
    { pack }: Opened,
    alignment: AlignmentSpec | null,
    fineTune: LiveFineTune,
    toStep: number,
  ): TrainingProfile {
    const training = pack.manifest.training!
    assertMitigable(fineTune, alignment)
    const bad = (message: string, hint: string) => new SpqrError('BAD_INPUT', message, hint)
    if (!(fineTune.learningRate > 0) || !Number.isFinite(fineTune.learningRate))
      throw bad(`The learning rate ${fineTune.learningRate} is no positive number.`, 'The benchmark uses 0.0001.')
    if (fineTune.batchSize > training.batchSize)
      throw bad(
        `The batch size ${fineTune.batchSize} is more than this pack trains with at once.`,
        `Choose at most ${training.batchSize}.`,
      )
    if (!Number.isInteger(toStep) || toStep < 0 || toStep > fineTune.steps)
      throw bad(`Step ${toStep} is outside this fine-tuning of ${fineTune.steps} steps.`, 'Ask for a step of the plan.')
    const profile = training.profiles.find((candidate) => candidate.profile === fineTune.profile)
    if (!profile)
      throw bad(
        `The pack cannot train the profile "${fineTune.profile}".`,
        `It can train: ${training.profiles.map((one) => one.profile).join(', ')}.`,
      )
    return profile
  }

  private async steps(
    opened: Opened,
    session: Session,
    fineTune: LiveFineTune,
    toStep: number,
    onStep: (event: TrainerEvent) => void,
    signal: AbortSignal,
    store: CheckpointStore,
  ): Promise<void> {
    const { captionDropout } = opened.pack.manifest.training!
    const size = latentSize(opened.pack.manifest)
    let saved = performance.now()
    while (session.state.step < toStep) {
      await yieldToMessages()
      if (signal.aborted) await store.saveState(session.run, session.state)
      throwIfAborted(signal)
      const begun = performance.now()
      const { step: at } = session.state
      const batch = plannedBatch(session, fineTune, at, size, captionDropout)
      await session.mitigation.batch?.(batch, at)
      const { gradient } = session.mitigation
      await session.step.run(session.state, batch, fineTune.learningRate, {
        optimiser: fineTune.optimiser,
        changeGradient: gradient && ((g) => gradient(g, session.state)),
      })
      const { state } = session
      session.mitigation.after?.(state)
      const growth = rootMeanSquare(state.flat) / session.startSize
      if (hasDiverged(state.ratios) || hasExploded(growth, 1)) {
        const { step, losses } = state
        // What was saved before is the last good state; the next call starts from there.
        await this.release()
        const sign = hasExploded(growth, 1)
          ? `the parameters are ${growth.toPrecision(3)} times as large as at the start`
          : `the loss is ${losses.at(-1)!.toPrecision(3)}, it began at ${losses[0]!.toPrecision(3)}`
        throw new SpqrError(
          'TRAINING_DIVERGED',
          `Training diverged at step ${step}: ${sign}.`,
          'Lower the learning rate (the benchmark uses 0.0001). Earlier checkpoints are kept.',
        )
      }
      onStep({ step: state.step, loss: state.losses.at(-1)!, msPerStep: performance.now() - begun })
      if (performance.now() - saved > SAVE_EVERY_MS && state.step < toStep) {
        await store.saveState(session.run, state)
        saved = performance.now()
      }
    }
  }
}

/** What was learned by a checkpoint, where pictures are held out. */
async function heldOutTrace(
  opened: Opened,
  { run, heldOut, latents }: Session,
  alignment: AlignmentSpec | null,
  step: number,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Pick<TrainingTrace, 'heldOut'>> {
  if (heldOut.length === 0) return {}
  return { heldOut: await heldOutLosses(opened, { run, alignment, captions: heldOut, latents }, step, bytes, signal) }
}

/** The adapter of the checkpoint where a session stands. */
async function storedBytes(
  opened: Opened,
  { profile, weights, state, mitigation }: Session,
): Promise<Uint8Array<ArrayBuffer>> {
  if (mitigation.change) return changeBytes(profile, await mitigation.change(state))
  return adapterBytes(profile, packed('U-Net', opened.pack.manifest.model.unet), weights, state.flat)
}
