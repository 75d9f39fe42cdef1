/** The trainer's worker: exposes TrainerApi over comlink. Files of onnxruntime are beside the page, one folder up. */
import { expose } from 'comlink'
import appPackage from '../package.json'
import { Trainer } from '../src/runtime/trainer'
import { showLife } from '../src/runtime/life'

showLife()
expose(new Trainer({ ortBaseUrl: new URL('../ort/', self.location.href).href, appVersion: appPackage.version }))
