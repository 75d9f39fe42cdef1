import type { Reader } from '../reader'
import * as files from './files'
import * as links from './links'
import * as materials from './materials'
import * as samplers from './samplers'
import * as tables from './tables'

export const READERS: readonly Reader[] = [files, links, materials, samplers, tables].flatMap(
  (group) => Object.values(group) as Reader[],
)
