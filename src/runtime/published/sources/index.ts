/** Sources of model files: hub and mirrors, web folders, folders on disk. */
import type { ModelAddress } from '../../../core/contracts'
import { DiskFolderSource, chosenFiles, type DiskFile } from './diskFolder'
import { HubSource, type HubOptions } from './hub'
import { browserNetwork, type Network } from './http'
import type { ModelSource } from './source'
import { WebFolderSource, filesOfManifest } from './webFolder'

export type { Bytes, ModelSource } from './source'
export {
  DiskFolderSource,
  HubSource,
  WebFolderSource,
  browserNetwork,
  chosenFiles,
  filesOfManifest,
  type DiskFile,
  type HubOptions,
  type Network,
}

export function openSource(address: ModelAddress, hub: HubOptions, network: Network = browserNetwork()): ModelSource {
  return address.kind === 'hub' ? new HubSource(address, hub, network) : new WebFolderSource(address, network)
}
