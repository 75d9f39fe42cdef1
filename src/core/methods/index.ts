/**
 * The one table of methods. Schemas, parameters of links and commands, settings, names, the study and the bench derive
 * from it. It holds facts only and imports nothing, so that everything may read it; the algorithms are beside it:
 * `core/alignment` (closed form), `core/guidance` (while drawing).
 */
import { CLOSED_FORM, CLOSED_FORM_IDS, isClosedForm } from './closedForm'
import { GUIDANCE, GUIDANCE_IDS, guardFormat, isGuidance } from './guidance'
import type { Method } from './method'
import { shippedMethod } from './shipped'

export * from './closedForm'
export * from './guidance'
export * from './mitigations'
export { type Method, type MethodNumber } from './method'
export { SHIPPED, shippedMethod } from './shipped'

/** Methods that are computed here or act while drawing, in the order they are offered; a guard among them needs a file of the pack. */
export const COMPUTED_METHODS: readonly string[] = [...CLOSED_FORM_IDS, ...GUIDANCE_IDS]
/** Those of them that need no file of a pack. */
export const UNTRAINED_METHODS = COMPUTED_METHODS.filter((method) => guardFormat(method) === null)

/** The row of a method that is computed or applied here; undefined where none has this id. */
export function computedMethod(id: string): Method | undefined {
  if (isClosedForm(id)) return CLOSED_FORM[id]
  return isGuidance(id) ? GUIDANCE[id] : undefined
}

/** Name of a method that is computed here. */
export const computedName = (id: string): string => computedMethod(id)?.name ?? id

/** Name of a pack's method. */
export const shippedName = (method: string): string => shippedMethod(method)?.name ?? method
