import { exactExp, exactLog, sinCosOfTurns } from '../exact'

/**
 * The guidance scale as an input of latent consistency models: sinusoids of 1000·(g − 1), sines before cosines, as
 * diffusers' `get_guidance_scale_embedding` (frequencies of Vaswani et al., 2017, spaced over dimension/2 − 1).
 */
export function guidanceEmbedding(guidanceScale: number, dimension: number): Float32Array {
  const half = Math.floor(dimension / 2)
  const sinCos = new Float64Array(2)
  const embedding = new Float32Array(dimension)
  const w = Math.fround(Math.fround(guidanceScale - 1) * 1000)
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(w * Math.fround(exactExp(Math.fround(i * -Math.fround(exactLog(10000) / (half - 1))))))
    const turns = angle / (2 * Math.PI)
    sinCosOfTurns(turns - Math.floor(turns), sinCos)
    embedding[i] = sinCos[0] ?? 0
    embedding[half + i] = sinCos[1] ?? 0
  }
  return embedding
}
