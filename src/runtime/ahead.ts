/** The files that a variant and its judges are made of, in the order in which they are needed: pictures first. */
import {
  judgeFiles,
  type Accelerator,
  type ModelComponent,
  type ModelVariant,
  type PackFile,
  type PackManifest,
} from '../core/contracts'

/** What of an opened model decides its files. */
export interface Described {
  manifest: Pick<PackManifest, 'model' | 'judges' | 'adapters' | 'prompts' | 'measured'>
  accelerator?: Accelerator | null | undefined
}

/** Parts of published models come in shards, which have a way of their own. */
const ofPart = (part: ModelComponent): PackFile[] => ('graph' in part ? [part.graph, part.weights] : [])

/** What a variant's pictures are made of. */
export function filesOf({ manifest, accelerator }: Described, variant: ModelVariant): PackFile[] {
  const { textEncoder, unet, vaeDecoder } = manifest.model
  const { alignment, fineTune, accelerated, smallDecoder } = variant
  const adapter = (id: string) => manifest.adapters.filter((one) => one.id === id).map(({ file }) => file)
  return [
    ...ofPart(textEncoder),
    ...(alignment?.kind === 'pack' ? adapter(alignment.id) : []),
    ...(alignment?.kind === 'inference'
      ? manifest.adapters.map(({ file }) => file).filter(({ sha256 }) => sha256 === alignment.weights)
      : []),
    ...(fineTune.kind === 'pack' ? adapter(fineTune.id) : []),
    ...(fineTune.kind === 'accelerate' && accelerator?.onBase ? [accelerator.onBase] : []),
    ...(accelerated && accelerator ? [accelerator.file] : []),
    ...ofPart(smallDecoder && accelerator?.decoder ? accelerator.decoder : vaeDecoder),
    ...ofPart(unet),
  ]
}

/** What opening a pack reads beside its descriptions; a tokenizer of a published model has files elsewhere. */
export function filesOfOpening({ manifest }: Described): PackFile[] {
  const { prompts, measured, judges, model } = manifest
  return [
    ...prompts.map(({ file }) => file),
    ...(measured ? [measured] : []),
    ...('repository' in model.tokenizer ? [] : model.tokenizer.files),
    ...judges.flatMap((judge) => (judge.kind === 'features' && judge.reference ? [judge.reference] : [])),
  ]
}

/** Files of judges: of those that look at every picture, and of those that look at pictures of harmless prompts. */
export function filesOfJudges(
  { manifest }: Pick<Described, 'manifest'>,
  judgeIds: readonly string[],
): { safety: PackFile[]; others: PackFile[] } {
  const asked = manifest.judges.filter(({ id }) => judgeIds.includes(id))
  return {
    safety: asked.filter(({ axis }) => axis === 'S').flatMap(judgeFiles),
    others: asked.filter(({ axis }) => axis !== 'S').flatMap(judgeFiles),
  }
}
