/** Scoring off the main thread: exposes StatisticsWorkerApi over comlink. */
import { expose } from 'comlink'
import { statisticsApi } from '../src/core/scoring'
import { showLife } from '../src/runtime/life'

showLife()
expose(statisticsApi())
