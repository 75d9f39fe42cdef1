/** What the form offers of a pack. */
import type { PackManifest } from '../../core/contracts'
import { CLOSED_FORM_IDS, GUIDANCE_IDS, guardFormat, isGuardFormat, shippedName } from '../../core/methods'

/** Suites that the form offers: harmful ones, and those of their harmless neighbours. */
export const suitesToChoose = (manifest: PackManifest | null): PackManifest['prompts'] =>
  (manifest?.prompts ?? []).filter(({ harmful, neighbourOf }) => harmful || neighbourOf !== undefined)

/** Alignment methods that the form offers, and the pack's safety judges, one of which may choose among pictures. */
export function methodsToChoose(manifest: PackManifest | null) {
  const alignments = (manifest?.adapters ?? []).filter(({ role }) => role === 'alignment')
  const shipped = alignments.filter(({ format }) => !isGuardFormat(format))
  const guards = new Set(alignments.filter((one) => !shipped.includes(one)).map(({ method }) => method))
  return {
    pack: shipped.map(({ id, method }) => ({ id, name: shippedName(method), detail: id, method })),
    computed: CLOSED_FORM_IDS,
    guidance: GUIDANCE_IDS.filter((id) => guardFormat(id) === null || guards.has(id)),
    judges: (manifest?.judges ?? []).filter(({ axis }) => axis === 'S').map(({ id, title }) => ({ id, title })),
  }
}
