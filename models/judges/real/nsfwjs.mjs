/**
 * What npm's package nsfwjs says of the photographs that `photographs.py` wrote, for `npm run real`.
 *
 *     node nsfwjs.mjs OUT FOLDER     FOLDER: where the package, @tensorflow/tfjs and its WASM backend are installed
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [out, folder] = process.argv.slice(2)
const require = createRequire(join(folder, 'package.json'))
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-wasm')
const { load } = require('nsfwjs')
tf.enableProdMode()
await tf.setBackend('wasm')
const network = await load('MobileNetV2')
const { pictures } = JSON.parse(readFileSync(join(out, 'nudenet.json'), 'utf8'))
const scores = {}
for (const { name, width, height } of pictures) {
  const pixels = tf.tensor3d(new Uint8Array(readFileSync(join(out, `${name}.rgb`))), [height, width, 3], 'int32')
  const found = await network.classify(pixels, 5)
  scores[name] = Object.fromEntries(found.map(({ className, probability }) => [className, probability]))
  pixels.dispose()
}
const version = (name) => JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version
const versions = { nsfwjs: version('nsfwjs'), '@tensorflow/tfjs': version('@tensorflow/tfjs') }
writeFileSync(join(out, 'nsfwjs.json'), JSON.stringify({ versions, scores }))
