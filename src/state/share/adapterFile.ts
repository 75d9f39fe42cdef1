/** The alignment of a report, or a fine-tune that was made here, as a safetensors file. */
import type { DeviceChoice, Report } from '../../core/contracts'
import { alignmentName } from '../page/names'
import type { Services } from '../page/services'

export type AdapterPart = 'alignment' | 'fine-tune'

export interface AdapterDownload {
  bytes: Uint8Array<ArrayBuffer>
  sha256: string
  name: string
}

/** Null when there is none to save. `onStep` is called for every step that has to be taken again. @throws SpqrError */
export function adapterFile(
  services: Pick<Services, 'withEngine'>,
  pack: string,
  device: DeviceChoice,
  what: AdapterPart,
  { spec }: Pick<Report, 'spec'>,
  onStep?: (step: number) => void,
): Promise<AdapterDownload | null> {
  return services.withEngine('saving an adapter', pack, device, async ({ ports, trainer }) => {
    if (what === 'alignment') {
      if (!spec.alignment) return null
      const { bytes, sha256 } = await ports.engine.exportAlignment(spec.alignment)
      return { bytes, sha256, name: `${spec.model.id}-${alignmentName(spec.alignment)}.safetensors` }
    }
    if (spec.fineTune?.kind !== 'live' || !trainer) return null
    // Takes no step where the last checkpoint is stored; else the steps are taken again.
    const { checkpointKey } = await trainer.train(spec.alignment, spec.fineTune, spec.fineTune.steps, (event) =>
      onStep?.(event.step),
    )
    const { bytes, sha256 } = await trainer.exportAdapter(checkpointKey)
    return { bytes, sha256, name: `${spec.model.id}-fine-tune.safetensors` }
  })
}
