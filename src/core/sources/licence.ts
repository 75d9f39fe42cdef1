/** What a licence's name says about commercial use, and what a listing says about its format. */
import type { SourceFile, SourceLicence } from '../contracts'

/** Names of licences on the hub that forbid commercial use: Creative Commons NC, research-only and the community ones. */
const NON_COMMERCIAL =
  /(^|[-_ ])nc([-_ ]|$)|non-?commercial|research|sai-nc|stabilityai|sd-turbo|sdxl-turbo|faipl|apple-amlr|apple-ascl/i

export function licenceOf(id: string | null, gated: boolean): SourceLicence {
  return { id, nonCommercial: id !== null && NON_COMMERCIAL.test(id), gated }
}

/** One line about use, for a person. */
export function licenceLine({ id, nonCommercial, gated }: SourceLicence): string {
  const name = id === null ? 'No licence is stated: ask the owner before use' : `Licence ${id}`
  return `${name}${nonCommercial ? ', non-commercial use only' : ''}${gated ? '; its owner asks for an agreement on the hub' : ''}.`
}

const PYTORCH = /\.(bin|pt|pth|ckpt|safetensors|msgpack|h5)$/i

/** True when there are weights here, but none as ONNX graphs, which alone run in a browser. */
export function holdsNoGraphs(files: readonly SourceFile[]): boolean {
  return !files.some(({ path }) => /\.(onnx|ort)$/i.test(path)) && files.some(({ path }) => PYTORCH.test(path))
}
