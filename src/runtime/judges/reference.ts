/** The reference features of a quality judge: what pictures of the real world look like to it. */
import { readSafetensors } from '../../core/adapters'
import { SpqrError, type FeatureJudge, type PackManifest } from '../../core/contracts'
import type { FileLoader } from '../storage/files'

/** [n, dimension] flattened. Throws WEIGHTS_INVALID when the file is not what the manifest says. */
export async function readReference(
  files: FileLoader,
  judge: FeatureJudge,
  signal?: AbortSignal,
): Promise<Float32Array> {
  if (!judge.reference) {
    throw new SpqrError(
      'BAD_INPUT',
      `Judge ${judge.id} has no reference yet.`,
      'Choose a file of reference statistics or a folder of real pictures.',
    )
  }
  const tensor = readSafetensors(await files.load(judge.reference, signal)).tensors.get('features')
  const features = tensor?.floats()
  if (tensor?.shape.length !== 2 || tensor.shape[1] !== judge.dimension || !features?.every(Number.isFinite)) {
    throw new SpqrError(
      'WEIGHTS_INVALID',
      `"${judge.reference.path}" holds no finite "features" of shape [n, ${judge.dimension}].`,
      'Publish the pack again.',
    )
  }
  return features
}

/** The reference features of the manifest's judge `judgeId`, or of its first quality judge. */
export function referenceFeatures(
  files: FileLoader,
  manifest: PackManifest,
  judgeId?: string,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const judge = manifest.judges.find(
    (one): one is FeatureJudge => one.kind === 'features' && (judgeId === undefined || one.id === judgeId),
  )
  if (!judge)
    throw new SpqrError(
      'BAD_INPUT',
      `The pack "${manifest.id}" has no quality judge${judgeId === undefined ? '' : ` "${judgeId}"`}.`,
    )
  return readReference(files, judge, signal)
}
