/** Opens a pack in an engine and hands out all that a run needs beside the pause gate. */
import {
  SpqrError,
  type DeviceChoice,
  type EngineApi,
  type EngineEvent,
  type Environment,
  type JudgeFacts,
  type LoadedPack,
  type RunStore,
  type TrainerApi,
} from '../core/contracts'
import { conditionsOf } from '../core/scoring'
import type { Connection } from '../state/page/connect'
import type { Desk } from '../state/page/desk'
import type { OpenPack, Services } from '../state/page/services'
import { lazyTrainer } from './lazyTrainer'

/** What opening needs from the page. */
export interface PackParts {
  /** Address of the page, ending in a slash. */
  base: URL
  startEngine(): Connection<EngineApi>
  startTrainer(): Connection<TrainerApi>
  statistics: Desk
  store: RunStore
  reference: Services['reference']
}

/** Whether training and the making of pictures have cores of their own; on one set of cores each would only slow the other. */
export function hasRoom(
  { executionProvider, threads }: Pick<Environment, 'executionProvider' | 'threads'>,
  cores: number,
): boolean {
  return executionProvider === 'webgpu' || 2 * threads <= cores
}

/** The reference features for FID: the page's, or those among the files of the engine's own pack. */
async function referenceOf(parts: PackParts, pack: LoadedPack, engine: EngineApi): Promise<Float32Array | null> {
  const features = pack.judges.find(
    (judge): judge is Extract<JudgeFacts, { kind: 'features' }> => judge.kind === 'features',
  )
  if (!features) return null
  const known = await parts.reference(features)
  if (known) return known
  // Of another pack than the page began with, or of a judge that was added: the engine has their files.
  const own = pack.manifest.judges.some(
    (judge) =>
      judge.kind === 'features' && judge.reference !== null && judge.reference.sha256 === features.reference?.sha256,
  )
  return own ? engine.reference(features.id) : null
}

/** @throws SpqrError BAD_INPUT when an engine opened again differs from the one that a run was begun on */
function assertSame(again: LoadedPack, before: LoadedPack): void {
  const same =
    again.manifestSha256 === before.manifestSha256 &&
    conditionsOf(again.environment) === conditionsOf(before.environment)
  if (!same)
    throw new SpqrError(
      'BAD_INPUT',
      'The model or the graphics device changed while the run went on.',
      'Everything made so far is kept: press Run to go on where that is possible.',
    )
}

/**
 * Opens the pack `name` in the engine behind `connection`. The trainer's worker starts when it is first needed.
 * @throws SpqrError what the engine refuses
 */
export async function openPack(
  parts: PackParts,
  connection: Connection<EngineApi>,
  name: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
): Promise<OpenPack> {
  const baseUrl = new URL(`packs/${name}/`, parts.base).href
  // Before the first byte of a large download: what is stored shall stay. Only the page may ask, and no is fine.
  if (device.model) await (navigator.storage as StorageManager | undefined)?.persist().catch(() => false)
  const pack = await connection.api.open(baseUrl, device, onEvent)
  let engine = connection
  const training = lazyTrainer(parts.startTrainer, baseUrl, device, onEvent)
  const trainer = pack.manifest.training ? training.trainer : null
  return {
    pack,
    baseUrl,
    trainer,
    end: () => {
      training.end()
      engine.end()
    },
    ports: {
      engine: engine.api,
      statistics: parts.statistics,
      store: parts.store,
      trainer,
      trainAhead: hasRoom(pack.environment, navigator.hardwareConcurrency),
      reference: () => referenceOf(parts, pack, engine.api),
      now: () => performance.now(),
      recreateEngine: async () => {
        engine.end()
        engine = parts.startEngine()
        // On what the run was begun on: after a lost GPU, "auto" would go on with WASM, and its pictures are others.
        const { executionProvider, threads } = pack.environment
        assertSame(await engine.api.open(baseUrl, { ...device, executionProvider, threads }, onEvent), pack)
        return engine.api
      },
    },
  }
}
