/** JSON files as bytes. */
import { parseJson, type Read } from '../core/contracts'

/** Parses the JSON of UTF-8 bytes, of bounded depth. */
export function parseJsonBytes(bytes: Uint8Array): Read<unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { value: null, fault: 'it is no UTF-8 text' }
  }
  return parseJson(text)
}
