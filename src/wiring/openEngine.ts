/** The life of the one engine that is open: two at a time would not fit into memory. */
import type { DeviceChoice, EngineApi, EngineEvent } from '../core/contracts'
import type { Connection } from '../state/page/connect'
import type { OpenPack } from '../state/page/services'

/** Opens a pack in an engine that was just started. */
export type Opening = (
  connection: Connection<EngineApi>,
  name: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
) => Promise<OpenPack>

/** Opens the engine with a pack and a device, or returns the one that is open with the same choice. */
export type OpenEngine = (
  name: string,
  device: DeviceChoice,
  onEvent: (event: EngineEvent) => void,
  signal?: AbortSignal,
) => Promise<OpenPack>

/** The text of a choice; a chosen file gets a number, since two of the same name and size are two files. */
function choiceKeys(): (name: string, device: DeviceChoice) => string {
  const numbers = new WeakMap<Blob, number>()
  let seen = 0
  const withNumbers = (_: string, value: unknown): unknown => {
    if (!(value instanceof Blob)) return value
    if (!numbers.has(value)) numbers.set(value, ++seen)
    return `file ${numbers.get(value)}`
  }
  return (name, device) => JSON.stringify([name, device], withNumbers)
}

/**
 * Keeps one engine open. It is ended and another one opened when the choice changes or when it died; an opening that
 * failed or was stopped by `signal` is forgotten, so that the next call tries again.
 */
export function engineLife(start: () => Connection<EngineApi>, openPack: Opening): OpenEngine {
  let open: { key: string; engine: Connection<EngineApi>; pack: Promise<OpenPack> } | null = null
  const keyOf = choiceKeys()
  return async (name, device, onEvent, signal) => {
    const key = keyOf(name, device)
    if (open?.key !== key || open.engine.dead) {
      open?.pack.then(
        (earlier) => earlier.end(),
        () => undefined,
      )
      const engine = start()
      open = { key, engine, pack: openPack(engine, name, device, onEvent) }
    }
    const mine = open
    const stop = () => mine.engine.end()
    signal?.addEventListener('abort', stop)
    try {
      return await mine.pack
    } catch (thrown) {
      mine.engine.end()
      if (open === mine) open = null
      throw thrown
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }
}
