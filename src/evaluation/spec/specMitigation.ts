/** How the fine-tuning in the browser is done: the mitigation with its numbers, and which model is trained. */
import { SpqrError, type AlignmentSpec, type LiveFineTune, type Mitigation } from '../../core/contracts'
import {
  MITIGATION_NUMBERS,
  mitigationMethod,
  mitigationNumbers,
  mitigationParameter,
  MITIGATIONS,
  type MitigationNumber,
  type MitigationParameterName,
} from '../../core/methods'
import { assertMitigable, changesWeights } from '../../core/mitigation'
import type { RunParameters } from './paramsTable'

type Chosen = Pick<RunParameters, 'mitigation' | 'beneath' | 'held-out' | 'contamination' | MitigationParameterName>

const NUMBERS = Object.keys(MITIGATION_NUMBERS) as MitigationNumber[]
/** The parameters of all mitigations. */
export const MITIGATION_PARAMETERS: readonly MitigationParameterName[] = NUMBERS.map(mitigationParameter)

/** @throws SpqrError BAD_INPUT where numbers are given that the chosen mitigation does not take */
function chosenMitigation(chosen: Chosen): Mitigation | null {
  const { mitigation } = chosen
  const own = mitigation === 'none' ? [] : mitigationNumbers(mitigation)
  const stray = NUMBERS.find((name) => !own.includes(name) && chosen[mitigationParameter(name)] !== null)
  if (stray !== undefined)
    throw new SpqrError(
      'BAD_INPUT',
      mitigation === 'none'
        ? `"${mitigationParameter(stray)}" is given, but no mitigation is chosen.`
        : `"${mitigationParameter(stray)}" is no number of ${MITIGATIONS[mitigation].name}.`,
      mitigation === 'none'
        ? 'Choose one with "mitigation", or leave the number out.'
        : `It takes ${own.map(mitigationParameter).join(', ')}.`,
    )
  if (mitigation === 'none') return null
  const { numbers } = mitigationMethod(mitigation)
  return {
    method: mitigation,
    ...Object.fromEntries(own.map((name) => [name, chosen[mitigationParameter(name)] ?? numbers[name]])),
  }
}

/** What of a live fine-tune's specification says how it is done; empty for plain fine-tuning of the aligned model. */
export function resolveMitigation(
  chosen: Chosen,
  plain: LiveFineTune,
  alignment: AlignmentSpec | null,
): Pick<LiveFineTune, 'mitigation' | 'beneath'> {
  const mitigation = chosenMitigation(chosen)
  // Where no weight was aligned, the base model is trained in any case.
  const beneath = chosen.beneath === 'base' && changesWeights(alignment)
  const result = { ...(mitigation ? { mitigation } : {}), ...(beneath ? { beneath: 'base' as const } : {}) }
  assertMitigable({ ...plain, ...result }, alignment)
  return result
}

/** @throws SpqrError BAD_INPUT where a mitigation is asked of a fine-tune that is not trained here */
export function assertNotMitigated(chosen: Chosen, what: string): void {
  const asked =
    chosen.mitigation !== 'none'
      ? MITIGATIONS[chosen.mitigation].name
      : chosen.beneath === 'base'
        ? 'Training beneath the alignment'
        : chosen['held-out'] > 0
          ? 'Holding out pictures'
          : chosen.contamination > 0
            ? 'Contamination'
            : null
  if (asked !== null)
    throw new SpqrError(
      'BAD_INPUT',
      `${asked} changes how the training steps are taken or counted, and ${what} has been trained already.`,
      'Fine-tune in the browser with "train", or leave the mitigation out.',
    )
  // Numbers without a mitigation are refused as they are in live training.
  chosenMitigation(chosen)
}
