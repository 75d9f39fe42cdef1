/** What the view models need from below; src/wiring makes it of workers, stores and the network. */
import type {
  DeviceChoice,
  EngineEvent,
  JudgeCard,
  JudgeFacts,
  LoadedPack,
  ModelVariant,
  RunStore,
  ShelfStore,
  StorageApi,
  TrainerApi,
} from '../../core/contracts'
import type { PromptFileApi, PromptSetStore } from '../../core/prompts'
import type { RunPorts } from '../../evaluation/run/run'
import type { RecipePack } from '../../evaluation/spec/spec'
import type { Desk } from './desk'
import type { EngineUse } from '../run/engineUse.svelte'

/** An engine opened with a pack, and all that a run needs beside the pause gate. */
export interface OpenPack {
  pack: LoadedPack
  ports: Omit<RunPorts, 'gate'>
  /** Address of the pack's folder, ending in a slash. */
  baseUrl: string
  /** Null when the pack cannot be fine-tuned in the browser. */
  trainer: TrainerApi | null
  /** Ends its workers. */
  end(): void
}

export interface Services {
  version: string
  /** Scores, curves, comparisons and files of records, off the main thread. */
  statistics: Desk
  store: RunStore
  /** The shelf of finished runs, imports and opened links. */
  shelf: ShelfStore
  /** Whether the browser keeps what is stored until the reader deletes it (null: it does not tell), and asking it to. */
  persistence: { persisted(): Promise<boolean | null>; ask(): Promise<boolean | null> }
  /** Reads prompt files away from the page. */
  prompts: PromptFileApi
  promptStore: PromptSetStore
  /** Models that are stored in this browser. */
  storage: StorageApi & { blob(key: string): Promise<Blob> }
  /** What fine-tuning left in this browser: checkpoints, states to go on from, training sets of the user's own. */
  checkpoints: { count(): Promise<number>; clear(): Promise<void> }
  readonly engineUse: EngineUse
  /**
   * Opens the engine with a pack, or takes the one that is open with the same choice, and holds it on behalf of `who`
   * ("a run") while `work` lasts. `signal` stops the opening. Throws BAD_INPUT while somebody else holds it.
   */
  withEngine<T>(
    who: string,
    pack: string,
    device: DeviceChoice,
    work: (open: OpenPack) => Promise<T>,
    onEvent?: (event: EngineEvent) => void,
    signal?: AbortSignal,
  ): Promise<T>
  /** Whether this browser holds every file that the engine reads to open a pack and to load a variant and these judges. */
  isStored(
    pack: Pick<RecipePack, 'manifest' | 'accelerator'>,
    variant: ModelVariant,
    judgeIds: readonly string[],
  ): Promise<boolean>
  /**
   * Opens the engine with the pack that the page began with and does `work`, for nobody in particular: whoever asks for the
   * engine with the same choice meanwhile gets this one. Warnings that `work` tells to `onEvent` are told to whoever holds
   * the engine then or next. Does nothing for another pack, or while the engine is in use.
   */
  warm(
    pack: string,
    device: DeviceChoice,
    work: (open: OpenPack, onEvent: (event: EngineEvent) => void) => Promise<void>,
  ): Promise<void>
  /** Does `work` on a run that no other tab works on. Throws BAD_INPUT while one does. */
  alone<T>(runId: string, work: () => Promise<T>): Promise<T>
  /** What ships as a description of a judge. */
  judgeCards: readonly JudgeCard[]
  /** Keeps a reference of the user's own in this browser; returns its SHA-256. */
  keepReference(features: Float32Array): Promise<string>
  /** Features [n × dimension] of a quality judge's reference pictures; null when no pack here has them. */
  reference(facts: Extract<JudgeFacts, { kind: 'features' }>): Promise<Float32Array | null>
  /** A JSON file of our own origin, by its path relative to the page; null when there is none. */
  readJson(path: string): Promise<unknown>
  /** A text file of our own origin, by its path relative to the page; null when there is none. */
  readText(path: string): Promise<string | null>
  /** A pack's own reference study; null when this build has none. */
  leaderboard(pack: string): Promise<unknown>
  /** A picture of our own origin as pixels; null when there is none. */
  readPicture(path: string): Promise<ImageData | null>
}
