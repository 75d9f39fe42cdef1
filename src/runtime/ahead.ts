/** The files that a variant and its judges are made of, in the order in which they are needed. */
import {
  judgeFiles,
  type Accelerator,
  type ModelComponent,
  type ModelVariant,
  type PackFile,
  type PackManifest,
} from '../core/contracts'

/** What of an opened model decides its files. */
interface Described {
  manifest: Pick<PackManifest, 'model' | 'judges' | 'adapters'>
  accelerator?: Accelerator | null | undefined
}

/** Parts of published models come in shards, which have a way of their own. */
const ofPart = (part: ModelComponent): PackFile[] => ('graph' in part ? [part.graph, part.weights] : [])

/** Pictures first: the judges' files come last. */
export function filesOf(
  { manifest, accelerator }: Described,
  variant: ModelVariant,
  judgeIds: readonly string[],
): PackFile[] {
  const { textEncoder, unet, vaeDecoder } = manifest.model
  const { alignment, fineTune, accelerated, smallDecoder } = variant
  const adapter = (id: string) => manifest.adapters.filter((one) => one.id === id).map(({ file }) => file)
  return [
    ...ofPart(textEncoder),
    ...(alignment?.kind === 'pack' ? adapter(alignment.id) : []),
    ...(fineTune.kind === 'pack' ? adapter(fineTune.id) : []),
    ...(fineTune.kind === 'accelerate' && accelerator?.onBase ? [accelerator.onBase] : []),
    ...(accelerated && accelerator ? [accelerator.file] : []),
    ...ofPart(smallDecoder && accelerator?.decoder ? accelerator.decoder : vaeDecoder),
    ...ofPart(unet),
    ...manifest.judges.filter(({ id }) => judgeIds.includes(id)).flatMap(judgeFiles),
  ]
}
