/** The weights that closed-form alignments edit: those of the U-Net that read the prompt. */
import { readSafetensors } from '../../core/adapters'
import { isTextProjection, type Projections } from '../../core/alignment'
import { SpqrError } from '../../core/contracts'
import { readWeight } from '../published/published'
import type { ModelsOptions } from './models'
import { assertWeights } from './weights'

/** Cross-attention's projections as they are without adapters, name → [o, d]. */
export async function textProjections(
  { manifest, files, published }: Pick<ModelsOptions, 'manifest' | 'files' | 'published'>,
  signal: AbortSignal,
): Promise<Projections> {
  const { unet } = manifest.model
  if ('graph' in unet) {
    const file = readSafetensors(await files.load(unet.weights, signal))
    assertWeights('U-Net', file, unet)
    return projectionsOf(
      [...file.tensors].map(([name, tensor]) => ({
        name,
        dims: tensor.shape,
        floats: () => Promise.resolve(tensor.floats()),
      })),
    )
  }
  if (!published) throw new SpqrError('BAD_INPUT', 'The files of this model are not open.', 'Open the model again.')
  return projectionsOf(
    unet.weights.map((weight) => {
      const file =
        weight.location === '' ? unet.onnx : unet.data.find(({ location }) => location === weight.location)!.file
      return {
        name: weight.name,
        dims: weight.dims,
        floats: async () => readWeight(await published.blob(file, signal), weight),
      }
    }),
  )
}

/** A weight as it is found, read only when it is wanted. */
interface FoundWeight {
  name: string
  dims: readonly number[]
  floats(): Promise<Float32Array>
}

async function projectionsOf(weights: readonly FoundWeight[]): Promise<Projections> {
  const projections = new Map<string, { data: Float32Array; rows: number; columns: number }>()
  for (const { name, dims, floats } of weights) {
    const [rows, columns] = dims
    if (isTextProjection(name) && rows !== undefined && columns !== undefined)
      projections.set(name, { data: await floats(), rows, columns })
  }
  return projections
}
