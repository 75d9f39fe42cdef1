/** `tsx write.ts <file>`: the starting LoRA of the profile lite as the trainer saves it, for make.py to load with diffusers. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Component, TrainingProfile } from '../../../src/core/contracts'
import { adapterBytes } from '../../../src/runtime/trainer/checkpoint'

const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as {
  externalData: Component['externalData']
  profiles: TrainingProfile[]
}
const [target] = process.argv.slice(2)
if (!target) throw new Error('Name the file to write.')
const flat = new Float32Array(new Uint8Array(readFileSync(`${target}.flat`)).buffer)
const lite = golden.profiles[0]!
const file = { path: 'x', bytes: 1, sha256: '' }
writeFileSync(
  target,
  adapterBytes(
    lite,
    { graph: file, weights: file, externalData: golden.externalData, inputs: [], outputs: [] },
    new Uint8Array(0),
    flat,
  ),
)
