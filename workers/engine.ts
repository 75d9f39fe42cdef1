/** The engine's worker: exposes EngineApi over comlink. Files of onnxruntime are beside the page, one folder up. */
import { expose } from 'comlink'
import appPackage from '../package.json'
import { Engine } from '../src/runtime'
import { showLife } from '../src/runtime/life'

showLife()
expose(new Engine({ ortBaseUrl: new URL('../ort/', self.location.href).href, appVersion: appPackage.version }))
