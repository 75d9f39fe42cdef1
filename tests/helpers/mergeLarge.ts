/**
 * `tsx mergeLarge.ts`, for the test of a large merge: a U-Net of 1 GiB of float32 in one file, and a LoRA on every weight
 * of it, merged as the engine merges them. Prints the largest error at some places and the process's own peak memory, as JSON.
 */
import { openAsBlob } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAdapter, readSafetensors, writeSafetensors, type TensorInput } from '../../src/core/adapters'
import type { OnnxWeight } from '../../src/core/contracts'
import { mergeInto } from '../../src/runtime/published/published'

const [SIDE, WEIGHTS, RANK] = [1024, 256, 2]
const bytes = 4 * SIDE * SIDE
const name = (i: number) => `blocks.${i}.attn2.to_k`
const weights: OnnxWeight[] = Array.from({ length: WEIGHTS }, (_, i) => ({
  name: `${name(i)}.weight`,
  dims: [SIDE, SIDE],
  dtype: 'F32',
  location: 'unet.data',
  offset: i * bytes,
  length: bytes,
}))

/** B·A of weight i is `delta(i)` everywhere. */
const delta = (i: number) => 0.25 * (i + 1)
const factors = new Map<string, TensorInput>(
  weights.flatMap((_, i) => [
    [
      `unet.${name(i)}.lora_A.weight`,
      { dtype: 'F32' as const, shape: [RANK, SIDE], data: new Float32Array(RANK * SIDE).fill(0.5) },
    ],
    [
      `unet.${name(i)}.lora_B.weight`,
      { dtype: 'F32' as const, shape: [SIDE, RANK], data: new Float32Array(SIDE * RANK).fill(delta(i)) },
    ],
  ]),
)
const adapter = parseAdapter(
  readSafetensors(writeSafetensors(factors)),
  new Map(weights.map((weight) => [weight.name, weight.dims])),
  { strength: 1, name: 'lora' },
)

const folder = await mkdtemp(join(tmpdir(), 'spqr-merge-'))
try {
  const path = join(folder, 'unet.data')
  const file = await open(path, 'w')
  // Zeros: the file takes no room on most disks.
  await file.truncate(WEIGHTS * bytes)
  await file.close()
  const model = await openAsBlob(path)
  const before = process.memoryUsage().rss
  const merged = await mergeInto(model, weights, [adapter])
  const peakBytes = 1024 * process.resourceUsage().maxRSS
  let error = 0
  for (const i of [0, 1, WEIGHTS / 2, WEIGHTS - 1]) {
    const values = new Float32Array(await merged.slice(i * bytes, i * bytes + 4096).arrayBuffer())
    // The factors' scale is alpha/r, and a file without alpha takes alpha = r.
    for (const value of values) error = Math.max(error, Math.abs(value - delta(i)))
  }
  console.log(JSON.stringify({ bytes: model.size, merged: merged.size, before, peakBytes, error }))
} finally {
  await rm(folder, { recursive: true })
}
