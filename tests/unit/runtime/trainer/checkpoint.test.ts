import { beforeEach, describe, expect, test } from 'vitest'
import { CheckpointStore } from '../../../../src/runtime/trainer/checkpoint'
import type { TrainingState } from '../../../../src/runtime/trainer/step'
import { MemoryKeyValue } from '../../../helpers/memoryStore'

const state: TrainingState = {
  step: 2,
  flat: Float32Array.of(1, 2, 3),
  m: Float32Array.of(0.1, 0.2, 0.3),
  v: Float32Array.of(4, 5, 6),
  losses: [0.5, 0.25],
  ratios: [1, 0.5],
}

let kept: MemoryKeyValue
let warned: string[]
const open = () => new CheckpointStore(kept, (code) => warned.push(code))
beforeEach(async () => {
  kept = new MemoryKeyValue()
  warned = []
  await open().saveState('run', state)
})

describe('the state that training goes on from', () => {
  test('comes back as it was stored', async () => {
    expect(await open().state('run', 3)).toEqual(state)
    expect(await open().state('other', 3)).toBeNull()
    expect(warned).toEqual([])
  })

  test.each<[string, object]>([
    ['a weight', { flat: Float32Array.of(1, 2.0000002, 3) }],
    ['a first moment', { m: Float32Array.of(0.1, 0.2, 0.30000004) }],
    ['a second moment', { v: Float32Array.of(4, Number.NaN, 6) }],
    ['the length', { v: Float32Array.of(4, 5) }],
    ['the step', { step: 1 }],
    ['a loss', { losses: [0.5, 0.26] }],
    ['a ratio', { ratios: [1, 0.6] }],
    ['the hash', { sha256: 'f'.repeat(64) }],
    ['its kind', { flat: 'text' }],
  ])('is refused and said when %s was changed', async (_, change) => {
    kept.values.set('run:state', { ...(kept.values.get('run:state') as object), ...change })
    expect(await open().state('run', 3)).toBeNull()
    expect(warned).toEqual(['CHECKPOINT_INVALID'])
  })

  test('of an older version, without a hash, is taken when its numbers are finite', async () => {
    kept.values.set('run:state', state)
    expect(await open().state('run', 3)).toEqual(state)
    kept.values.set('run:state', { ...state, m: Float32Array.of(0.1, Infinity, 0.3) })
    expect(await open().state('run', 3)).toBeNull()
  })
})
