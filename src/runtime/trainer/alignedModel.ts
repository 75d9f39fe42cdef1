/** The aligned model beside the one that is trained, for mitigations that ask it at every step. */
import type { AlignmentSpec } from '../../core/contracts'
import { Models } from '../generator/models'
import type { AlignedModel } from './mitigation'
import type { Opened } from './session'

/** Loads it; it stays until it is let go. */
export async function alignedModel(
  opened: Opened,
  alignment: AlignmentSpec | null,
  signal: AbortSignal,
): Promise<AlignedModel> {
  const { manifest } = opened.pack
  const models = new Models({ ...opened, manifest, onEvent: opened.onEvent })
  try {
    await models.prepare({ stage: 'aligned', step: null, alignment, fineTune: { kind: 'none' } }, signal)
  } catch (thrown) {
    await models.release()
    throw thrown
  }
  return {
    predict: (text, sample, sigma) =>
      models.pipeline.predict([text], sample, sigma * manifest.model.scheduler.numTrainTimesteps),
    release: () => models.release(),
  }
}
