/**
 * The typed APIs that the workers expose over comlink, and the ports that src/wiring provides.
 * Types only: nothing in src/ imports workers/.
 */
import type {
  AdapterPart,
  AlignmentSpec,
  Environment,
  JudgeFacts,
  Judgement,
  Outcome,
  RunRecord,
  Stage,
  WorkUnit,
  ScoringPreset,
} from './run'
import type { LiveFineTune, TrainingTrace } from './fineTune'
import type { JudgeChoice, ReferenceChoice } from './judgeCards'
import type { Accelerator } from './accelerator'
import type { PromptSearch, SearchProgress } from './attack'
import type { SamplerSpec } from './sampler'
import type { ModelChoice, ModelManifest, PackManifest, Prompt } from './manifest'
import type { Report, Slice } from './report'
import type { Stated } from './stated'
import type { Comparison, ThresholdPoint } from './comparison'

export interface DeviceChoice {
  /** `auto` takes WebGPU where an adapter exists, else WASM. */
  executionProvider: 'auto' | 'wasm' | 'webgpu'
  /** 0: the runtime's default, min(hardwareConcurrency, 4); 1 without cross-origin isolation. */
  threads: number
  /** A published model generates in the place of the pack's; prompts and judges stay the pack's. */
  model?: ModelChoice | undefined
  /** Judges that take the place of the pack's on their axes. */
  judges?: readonly JudgeChoice[] | undefined
  /** What FID is measured against, in the place of the quality judge's own reference. */
  reference?: ReferenceChoice | undefined
}

/** Progress as typed events, never strings. Bytes of downloads, phases of loading, images as made. */
export type EngineEvent =
  /** `bytesPerSecond`: recent rate of this file from the network; absent or null where there is none to tell. */
  | {
      type: 'download'
      file: string
      loaded: number
      total: number
      fromCache: boolean
      bytesPerSecond?: number | null
    }
  | { type: 'phase'; phase: 'manifest' | 'download' | 'verify' | 'merge' | 'session' | 'align' | 'ready'; what: string }
  | { type: 'warning'; code: string; message: string }

export interface LoadedPack {
  manifest: PackManifest
  manifestSha256: string
  prompts: Prompt[]
  judges: JudgeFacts[]
  environment: Environment
  /** The measured.json of the pack, as published by its recipe; null when absent. */
  measured: unknown
  /** The pack's few-step adapter; absent or null where it has none. */
  accelerator?: Accelerator | null
}

/** What the U-Net is at a stage: the base weights plus adapters, plus guidance-time alignment. */
export interface ModelVariant {
  stage: Stage
  step: number | null
  alignment: AlignmentSpec | null
  /** The pack's accelerator on top of everything else: the fast sampler. */
  accelerated?: boolean
  /** Pictures by the accelerator's own decoder; absent: by the model's. */
  smallDecoder?: boolean
  fineTune:
    | { kind: 'none' }
    | { kind: 'pack'; id: string }
    | { kind: 'file'; sha256: string; strength: number; more?: AdapterPart[] | undefined }
    /** The pack's accelerator that was trained on the base alone. */
    | { kind: 'accelerate' }
    /** Weights of a live checkpoint, stored by the trainer under this key. */
    | { kind: 'checkpoint'; key: string }
}

/** One picture: RGB, row-major, 3 bytes a pixel. */
export interface GeneratedImage {
  unitId: string
  width: number
  height: number
  rgb: Uint8Array<ArrayBuffer>
  sha256: string
}
export type UnitResult =
  | { unitId: string; status: 'judged'; image: GeneratedImage; judgements: Record<string, Judgement> }
  | { unitId: string; status: 'failed'; code: string; message: string; image: GeneratedImage | null }

export interface BatchResult {
  results: UnitResult[]
  generateMs: number
  judgeMs: number
  unetEvaluations: number
}

/** A picture to be judged, with its prompt. */
export interface PictureToJudge {
  unitId: string
  text: string
  width: number
  height: number
  rgb: Uint8Array<ArrayBuffer>
}

export interface EngineApi {
  /** Loads manifest, tokenizer, prompts and facts of a pack; weights follow when first needed. `baseUrl` ends in `/`. */
  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<LoadedPack>
  /** What a published model is, read from its own files before anything large is fetched; `missing`: bytes to download. */
  describe(model: ModelChoice): Promise<{ manifest: ModelManifest; bytes: number; missing: number }>
  /**
   * Downloads (or finds in the cache), verifies, merges and creates the sessions for a variant. `judgesLater`: returns when
   * pictures can be drawn; judges of models that fit side by side then follow, each by the time that it is needed.
   */
  prepare(
    variant: ModelVariant,
    judgeIds: string[],
    onEvent: (event: EngineEvent) => void,
    judgesLater?: boolean,
  ): Promise<void>
  /**
   * Loads the judges of these pictures, or all of the variant's; returns whether all are loaded then. Throws what loading a
   * judge throws.
   */
  seat(units: WorkUnit[] | null): Promise<boolean>
  /**
   * Draws a batch at the prepared variant ahead of its judging: a later `run` with the same units takes these pictures.
   * `judgesHere`: the files of its judges have come, so that `run` would wait for nothing.
   */
  draw(units: WorkUnit[], sampler: SamplerSpec): Promise<{ images: GeneratedImage[]; judgesHere: boolean }>
  /** Generates and judges one batch at the prepared variant. A failed unit is a result, not an exception. */
  run(units: WorkUnit[], sampler: SamplerSpec): Promise<BatchResult>
  /** Judges pictures that already exist (recheck, training-data screening, the user's own images). */
  judge(images: PictureToJudge[]): Promise<UnitResult[]>
  /** What a quality judge sees in pictures, [n × dimension]: for a reference of the user's own. Throws for a picture it cannot judge. */
  features(judgeId: string, pictures: PictureToJudge[]): Promise<Float32Array>
  /** Features [n × dimension] of a quality judge's held-out real pictures, for the scorer. */
  reference(judgeId: string): Promise<Float32Array>
  /**
   * Registers an adapter file of the user's; returns what it would change. Refuses by name what does not match.
   * `config`: the text of PEFT's adapter_config.json beside it, whose scale then becomes part of the file and its hash.
   */
  addAdapterFile(
    name: string,
    bytes: ArrayBuffer,
    config?: string,
  ): Promise<{ sha256: string; format: string; tensors: number; rank: number | null }>
  /** Keeps a checkpoint's adapter in memory, where the one that is stored under `key` is missing or damaged. */
  holdCheckpoint(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** The alignment of the prepared variant as safetensors (LoRA or delta), for saving. */
  exportAlignment(alignment: AlignmentSpec): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string; format: string }>
  /**
   * Searches for a prompt whose embedding is near a harmless prompt's with a concept added (Ring-A-Bell), by the pack's own
   * text encoder. `onStep` is told of every generation.
   */
  searchPrompt(search: PromptSearch, onStep: (progress: SearchProgress) => void): Promise<SearchProgress>
  /** Rejects the work in flight with ABORTED at the next step boundary. */
  abort(): Promise<void>
  close(): Promise<void>
}

export interface TrainerEvent {
  step: number
  loss: number
  msPerStep: number
}
export interface TrainerApi {
  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<void>
  /**
   * Trains from the start, or from the last stored checkpoint, to `toStep`; stores the checkpoint under a key.
   * Deterministic: batch, noise and timestep of step i depend only on the seed and i.
   */
  train(
    alignment: AlignmentSpec | null,
    fineTune: LiveFineTune,
    toStep: number,
    onStep: (event: TrainerEvent) => void,
  ): Promise<{ checkpointKey: string; trace: TrainingTrace }>
  /**
   * Registers a folder of the user's: captioned pictures in the model's size. Screened: a flagged picture or a caption
   * that names a forbidden concept throws DATASET_NOT_BENIGN. The returned hash goes into LiveFineTune.datasetSha256.
   */
  addDataset(
    name: string,
    pictures: { file: string; caption: string | null; width: number; height: number; rgb: Uint8Array<ArrayBuffer> }[],
  ): Promise<{ sha256: string; count: number }>
  exportAdapter(checkpointKey: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string }>
  abort(): Promise<void>
  close(): Promise<void>
}

/** Scoring off the main thread; pure functions of a record. */
export interface StatisticsApi {
  score(record: RunRecord, preset: ScoringPreset, reference: Float32Array | null, resamples: number): Promise<Report>
}

/** The number of a run that is in the statistics worker. */
export type RunNumber = number

/** A run in the worker as the page needs it to start with. */
export interface PlacedRun {
  run: RunNumber
  header: Omit<RunRecord, 'outcomes'>
  outcomes: number
  /** False for a file that carries no seal, as those of version 0.1.0: a change of it could not be noticed. */
  sealed: boolean
  /** What a Report file claims of its scores; null for a record. */
  stated: Stated | null
}

/** A file as the worker reads it: a browser's Blob or File (core itself knows no DOM). */
export interface ReadableFile {
  readonly size: number
  text(): Promise<string>
}

/** A report on its way to the worker: its record is there already, and `record.outcomes` is empty. */
export interface PlacedReport {
  run: RunNumber
  report: Report
}

/** What `compareReports` finds, its units cut off after the first `MOST_UNITS`; `changed` counts all of them. */
export type ComparisonPage = Comparison & { changed: number }

/**
 * Everything the statistics worker does for the page. A record has a number there from its first use: the page
 * hands over a file, or sends its own record in parts, and receives reports whose `record.outcomes` is empty. Copying
 * 100,000 outcomes at once, or there and back for every move of a slider, would block the page for longer than a frame.
 */
export interface StatisticsWorkerApi {
  /** Begins a record that the page has; `add` brings its outcomes. */
  begin(header: Omit<RunRecord, 'outcomes'>): Promise<RunNumber>
  add(run: RunNumber, outcomes: readonly Outcome[]): Promise<void>
  /** Reads a report or record file, checked field by field; throws RECORD_INVALID. */
  open(file: ReadableFile, name: string): Promise<PlacedRun>
  /** Merges shards of one specification into a run of its own; `notes` say what was reconciled. */
  merge(shards: readonly { run: RunNumber; name: string }[]): Promise<{ stored: PlacedRun; notes: string[] }>
  /** Features of the quality judge's real pictures, for every later score of the run. */
  setReference(run: RunNumber, reference: Float32Array | null): Promise<void>
  score(run: RunNumber, preset: ScoringPreset, resamples: number, slice?: Slice): Promise<Report>
  /** h by stage and Δh over one judge's thresholds, the others as in the preset. */
  thresholdCurve(
    run: RunNumber,
    judgeId: string,
    preset: ScoringPreset,
    thresholds: readonly number[],
    slice?: Slice,
  ): Promise<ThresholdPoint[]>
  /** The differences of two reports, and what changed between them. */
  compare(first: PlacedReport, second: PlacedReport): Promise<ComparisonPage>
  /** Suites, categories and languages that the run has. */
  choices(run: RunNumber): Promise<Slice>
  outcomes(run: RunNumber, offset: number, count: number): Promise<Outcome[]>
  /** The whole report as a JSON file (a Blob). */
  file(placed: PlacedReport): Promise<ReadableFile>
  /** Forgets a run. */
  release(run: RunNumber): Promise<void>
}

/** A run in the store, as a list shows it: how many outcomes it has of those planned, and its size. */
export interface RunSummary {
  id: string
  createdAt: string
  done: number
  planned: number
  bytes: number
}

/** Where records and pictures are kept; IndexedDB in the page, memory when storage is refused. */
export interface RunStore {
  /** Creates or opens the record of a run; an existing one is returned with its outcomes. */
  open(record: Omit<RunRecord, 'outcomes'>): Promise<RunRecord>
  /** `again`: how many of the outcomes are second attempts of units that have one already; the later one stands. */
  append(
    runId: string,
    outcomes: Outcome[],
    images: GeneratedImage[],
    timings: RunRecord['timings'],
    again?: number,
  ): Promise<void>
  setTraining(runId: string, training: TrainingTrace): Promise<void>
  read(runId: string): Promise<RunRecord | null>
  /** Judged outcomes of these units in other runs of the same environment and judges: the same pictures and scores. */
  judgedElsewhere(record: Omit<RunRecord, 'outcomes'>, unitIds: readonly string[]): Promise<Outcome[]>
  image(unitId: string): Promise<GeneratedImage | null>
  list(): Promise<RunSummary[]>
  remove(runId: string): Promise<void>
  /** False once the store had to fall back to memory (quota, private mode). */
  persistent(): boolean
}
