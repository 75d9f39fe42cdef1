/** Adapter files of the user's own: checked for size, then read by the engine, which refuses by name what does not fit. */
import { MAX_ADAPTER_BYTES } from '../../core/adapters'
import { SpqrError, type DeviceChoice } from '../../core/contracts'
import type { AdapterFile } from '../../evaluation/spec/spec'
import type { Services } from '../page/services'

export interface OwnAdapter extends AdapterFile {
  /** Format, tensors and rank, in words. */
  facts: string
}
/** A file that was chosen or dropped. */
export interface AdapterUpload {
  name: string
  size: number
  arrayBuffer(): Promise<ArrayBuffer>
  text(): Promise<string>
}

/** The header comes on top of the tensors. */
const MAX_FILE_BYTES = MAX_ADAPTER_BYTES + 2 ** 20

/**
 * Registers the files one by one, at strength 1. PEFT's adapter_config.json, where it is among them, gives their scale.
 * @throws SpqrError
 */
export async function* registerAdapters(
  services: Pick<Services, 'withEngine'>,
  pack: string,
  device: DeviceChoice,
  files: readonly AdapterUpload[],
): AsyncGenerator<OwnAdapter> {
  const weights = files.filter(({ name }) => !/\.json$/i.test(name))
  const config = files.find(({ name }) => /\.json$/i.test(name))
  if (weights.length === 0)
    throw new SpqrError(
      'ADAPTER_INVALID',
      'There is no adapter among these files.',
      'Choose a .safetensors file; adapter_config.json alone holds no weights.',
    )
  for (const file of weights) {
    // Before its bytes are read: a whole model would fill the memory first.
    if (file.size > MAX_FILE_BYTES)
      throw new SpqrError(
        'ADAPTER_TOO_LARGE',
        `"${file.name}" holds ${Math.round(file.size / 2 ** 20)} MB; an adapter may hold ${MAX_ADAPTER_BYTES / 2 ** 20} MB.`,
        'Choose a LoRA, not a whole model.',
      )
    const { sha256, format, tensors, rank } = await services.withEngine(
      'reading an adapter',
      pack,
      device,
      async ({ ports }) =>
        ports.engine.addAdapterFile(file.name, await file.arrayBuffer(), config && (await config.text())),
    )
    const known = rank === null ? `${format}, ${tensors} tensors` : `${format}, ${tensors} tensors, rank ${rank}`
    const facts = config ? `${known}; scale from adapter_config.json` : known
    yield { name: file.name, sha256, strength: 1, facts }
  }
}
