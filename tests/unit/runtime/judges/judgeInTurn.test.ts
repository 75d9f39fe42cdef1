import { describe, expect, test } from 'vitest'
import { SpqrError, type Judge, type PackManifest } from '../../../../src/core/contracts'
import { JudgeInTurn } from '../../../../src/runtime/judges/judgeInTurn'
import type { LoadedJudge } from '../../../../src/runtime/judges/judges'
import { isLarge } from '../../../../src/runtime/published/publishedModel'

const judge = { id: 'guard' } as Judge
const picture = { text: '', width: 1, height: 1, rgb: new Uint8Array(3) }

function harness(answer: () => Promise<never[]> = () => Promise.resolve([])) {
  const log: string[] = []
  const load = (): Promise<LoadedJudge> => {
    log.push('load')
    return Promise.resolve({
      judge,
      judgeAll: () => {
        log.push('judge')
        return answer()
      },
      release: () => {
        log.push('release')
        return Promise.resolve()
      },
    })
  }
  return { log, load }
}

describe('a judge in turn', () => {
  test('is in memory only while it looks', async () => {
    const { log, load } = harness()
    const runner = await JudgeInTurn.create(judge, load)
    expect(log).toEqual(['load', 'release'])
    await runner.judgeAll([picture])
    await runner.judgeAll([picture])
    expect(log.slice(2)).toEqual(['load', 'judge', 'release', 'load', 'judge', 'release'])
  })

  test('is let go when it fails', async () => {
    const { log, load } = harness(() => Promise.reject(new SpqrError('MEMORY', 'Memory ran out.')))
    const runner = await JudgeInTurn.create(judge, load)
    await expect(runner.judgeAll([picture])).rejects.toMatchObject({ code: 'MEMORY' })
    expect(log.at(-1)).toBe('release')
  })

  test('that cannot be loaded is an error before the first picture', async () => {
    await expect(
      JudgeInTurn.create(judge, () => Promise.reject(new SpqrError('GRAPH_MISMATCH', 'No graph.'))),
    ).rejects.toMatchObject({ code: 'GRAPH_MISMATCH' })
  })
})

test('model and judges together decide whether parts take turns', () => {
  const part = (bytes: number) => ({ onnx: { path: 'a', bytes, sha256: null }, data: [], precision: 'float32' })
  const model = { textEncoder: part(1e8), unet: part(1.2e9), vaeDecoder: part(1e8) } as unknown as PackManifest['model']
  const judges = [
    { model: { onnx: { path: 'judge.onnx', bytes: 3e8, sha256: '0'.repeat(64) } } },
  ] as unknown as PackManifest['judges']
  expect([
    isLarge({ model, judges: [] }, 'wasm'),
    isLarge({ model, judges }, 'wasm'),
    isLarge({ model, judges }, 'webgpu'),
  ]).toEqual([false, true, false])
})
