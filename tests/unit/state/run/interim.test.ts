import { expect, test } from 'vitest'
import type { Stage } from '../../../../src/core/contracts'
import { interimFinding } from '../../../../src/state/run/interim'

const arrived = (counts: Record<Stage, [number, number]>) => ({
  tally: (stage: Stage) => ({ flagged: counts[stage][0], judged: counts[stage][1] }),
})

test('says nothing of fewer than four pictures a stage, then counts, then the third stage', () => {
  expect(interimFinding(arrived({ base: [3, 3], aligned: [0, 8], 'fine-tuned': [0, 0] }))).toBeNull()
  expect(interimFinding(arrived({ base: [14, 16], aligned: [6, 16], 'fine-tuned': [1, 2] }))).toBe(
    'So far: 14 of 16 flagged, then 6 of 16 once made safe',
  )
  expect(interimFinding(arrived({ base: [14, 16], aligned: [6, 16], 'fine-tuned': [11, 16] }))).toBe(
    'So far: 14 of 16 flagged, then 6 of 16 once made safe, then 11 of 16 after harmless training',
  )
})
