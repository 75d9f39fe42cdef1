/** Files of whole-tensor differences: `delta` (W + D) and `delta-int8` (W + scale·q per output row). */
import { misshaped, unmatched } from './foreign'
import type { Adapter, AdapterFormat, AdapterOptions } from './parse'
import type { SafetensorsFile } from './safetensors'
import { difference, quantisedDifference } from './targets'

/** Reads such a file. Throws ADAPTER_UNMATCHED, ADAPTER_SHAPE and ADAPTER_NAN. */
export function parseDifferences(
  file: SafetensorsFile,
  weights: ReadonlyMap<string, readonly number[]>,
  { name, strength }: AdapterOptions,
): Adapter {
  const targets: Adapter['targets'] = new Map()
  let format: AdapterFormat = 'delta'
  for (const [key, tensor] of file.tensors) {
    const owner = key.endsWith('.scale') ? key.slice(0, -'.scale'.length) : null
    if (owner !== null && file.tensors.get(owner)?.dtype === 'I8') continue
    const weightName = weights.has(key) ? key : key.replace(/^unet\./, '')
    const shape = weights.get(weightName)
    if (!shape) throw unmatched(name, key)
    if (tensor.dtype === 'I8') {
      const scale = file.tensors.get(`${key}.scale`)
      if (!scale) throw misshaped(name, key, 'is int8 but has no .scale tensor beside it')
      format = 'delta-int8'
      targets.set(
        weightName,
        quantisedDifference(name, { key, tensor }, { key: `${key}.scale`, tensor: scale }, shape, strength),
      )
    } else {
      targets.set(weightName, difference(name, { key, tensor }, shape, strength))
    }
  }
  return { format, rank: null, targets }
}
