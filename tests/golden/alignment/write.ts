/** Writes lora.safetensors, the adapter of the case narrow.uce, for make.py to load with diffusers. */
import { writeFileSync } from 'node:fs'
import { alignmentFile, uce } from '../../../src/core/alignment'
import { cases, options, weights } from './read'

writeFileSync(new URL('lora.safetensors', import.meta.url), alignmentFile(uce(weights, cases['narrow']!, options)))
