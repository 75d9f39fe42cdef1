/** What a study measures: methods with their weights, and which mitigations work on which method. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  AlignmentsSchema,
  SpqrError,
  alignmentsBeside,
  checkShape,
  parseJson,
  type PackAdapter,
  type PackManifest,
} from '../../core/contracts'
import { sha256Hex } from '../../core/hash'
import {
  MITIGATION_IDS,
  changesPrediction,
  choosesPicture,
  isGuidance,
  mitigationMethod,
  UNTRAINED_METHODS,
} from '../../core/methods'
import { ROOT } from '../page'

/** Where a method's weights come from; `file`: beside the recipe, null for the pack's own, those that came after its manifest too, and for what is computed. */
export interface Source {
  method: string
  weightsSha256: string | null
  file: string | null
}

/** @throws SpqrError BAD_INPUT where the pack's `alignments.json` is wrong */
export function sourcesOf(manifest: PackManifest, packs = join(ROOT, 'public', 'packs')): Source[] {
  const { id, adapters } = manifest
  const shipped = [...adapters, ...laterAlignments(manifest, join(packs, id, 'alignments.json'))]
    .filter(({ role }) => role === 'alignment')
    .map(({ method, file }): Source => ({ method, weightsSha256: file.sha256, file: null }))
  const beside = filesIn(join(ROOT, 'models', id, 'adapters')).map((file): Source => ({
    method: basename(file, '.safetensors'),
    weightsSha256: sha256Hex(readFileSync(file)),
    file,
  }))
  const known = [...shipped, ...beside]
  // Best of n is left out: one of the judges chooses there, so that its row would be scored by fewer than the others.
  const computed = UNTRAINED_METHODS.filter(
    (method) => !choosesPicture(method) && known.every((source) => source.method !== method),
  )
  return [...known, ...computed.map((method): Source => ({ method, weightsSha256: null, file: null }))]
}

/** Alignments that came after the manifest: the page offers them as the pack's own. */
function laterAlignments(manifest: PackManifest, file: string): PackAdapter[] {
  if (!existsSync(file)) return []
  const parsed = parseJson(readFileSync(file, 'utf8'))
  const read = parsed.fault === null ? checkShape(AlignmentsSchema, parsed.value) : parsed
  if (read.fault !== null)
    throw new SpqrError(
      'BAD_INPUT',
      `"${file}" describes no alignments: ${read.fault}.`,
      'Write it again by "python -m export.alignments" in the recipe.',
    )
  return alignmentsBeside(manifest, read.value).adapters
}

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.safetensors'))
        .map((name) => join(folder, name))
    : []

/** Training the base model, the alignment merged afterwards, stands among the mitigations of a study. */
export const BENEATH = 'beneath'

/** The control: the base model fine-tuned by the same data tells what is forgotten from what was safety. */
export const CONTROL: Source = { method: 'none', weightsSha256: null, file: null }

/** What works with an alignment's change of weights cannot be asked of methods that have none. */
export const worksOn = (mitigation: string, method: string): boolean => {
  const known = MITIGATION_IDS.find((id) => id === mitigation)
  const needs = mitigation === BENEATH || (known !== undefined && mitigationMethod(known).needsAlignment)
  return !needs || (method !== CONTROL.method && !isGuidance(method))
}

/** What guidance does is inside the fast sampler already, so such methods cannot be drawn by it. */
export const drawnBy = (sampler: string, method: string): boolean =>
  sampler === 'full' || !isGuidance(method) || !changesPrediction(method)
