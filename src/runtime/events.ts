/** Helpers that every part of the runtime shares: events, hashes, yielding and cancelling. */
import { bytesToHex } from '@noble/hashes/utils.js'
import { SpqrError, type EngineEvent } from '../core/contracts'
import { sha256Hex } from '../core/hash'

export type OnEvent = (event: EngineEvent) => void

/** Throws ABORTED when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new SpqrError('ABORTED', 'The work was stopped.')
}

/** SHA-256 in hexadecimal: natively where the page is a secure context, else in JavaScript. */
export async function digestHex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const native = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined
  return native ? bytesToHex(new Uint8Array(await native.digest('SHA-256', bytes))) : sha256Hex(bytes)
}

/**
 * Lets messages in: WASM inference never leaves the worker's thread free by itself, and a promise that is
 * already settled does not either.
 */
export function yieldToMessages(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
