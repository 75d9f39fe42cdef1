/** Reading a pack's `accelerator.json`: the file is checked whole, and belongs to one U-Net by its hash. */
import * as v from 'valibot'
import { AcceleratorSchema, SpqrError, type Accelerator, type DiffusionModel } from '../contracts'
import { sha256Hex } from '../hash'

/**
 * Contents of `accelerator.json` for the model of a pack.
 * @throws SpqrError MANIFEST_INVALID when a field is missing, unknown or wrong; BAD_INPUT when the accelerator was
 * trained for other U-Net weights than the model's
 */
export function readAccelerator(contents: unknown, model: DiffusionModel): Accelerator {
  const result = v.safeParse(AcceleratorSchema, contents)
  if (!result.success)
    throw new SpqrError(
      'MANIFEST_INVALID',
      `The file accelerator.json is wrong at "${v.getDotPath(result.issues[0]) ?? ''}": ${result.issues[0].message}.`,
      'Publish the pack again, or choose the full sampler.',
    )
  const base = 'graph' in model.unet ? model.unet.weights.sha256 : null
  if (result.output.baseSha256 !== base)
    throw new SpqrError(
      'BAD_INPUT',
      `The accelerator "${result.output.id}" was trained for another model than the one that is open.`,
      'Choose the full sampler, or an accelerator made for this model.',
    )
  return result.output
}

/** SHA-256 that names an accelerator's own decoder in a specification, of its two files; null where it has none. */
export function decoderSha256({ decoder }: Pick<Accelerator, 'decoder'>): string | null {
  return decoder ? sha256Hex(`${decoder.graph.sha256} ${decoder.weights.sha256}`) : null
}
