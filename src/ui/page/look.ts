/** Colour and shape of each axis, the same wherever it is drawn; never colour alone. */
import type { Axis } from '../../core/contracts'
import type { ShapeName } from '../charts/Shape.svelte'

export interface Look {
  colour: string
  shape: ShapeName
}

export const AXIS_LOOK: Record<Axis | 'SPQR', Look> = {
  S: { colour: 'var(--safety)', shape: 'circle' },
  P: { colour: 'var(--prompt)', shape: 'square' },
  Q: { colour: 'var(--quality)', shape: 'triangle' },
  R: { colour: 'var(--robustness)', shape: 'diamond' },
  SPQR: { colour: 'var(--ink)', shape: 'ring' },
}
