/** What makes shards on a machine: the page in a headless browser, kept open with its model loaded. */
import type { Page } from 'playwright'
import type { Shard, ShardFile } from '../../core/contracts'
import type { ScriptProgress, ScriptTraining, SpecifiedRun, TrainingProgress } from '../../evaluation/run/runApi'
import { giveFiles } from '../giveFiles'
import type { OwnFiles } from '../ownFiles'
import { ensureBuild, inPage, openBrowser, openPage, serve, type OpenBrowser, type ServedPage } from '../page'

export type Parameters = Record<string, string>

export interface FarmEvaluator {
  specify(parameters: Parameters): Promise<SpecifiedRun>
  shard(
    parameters: Parameters,
    shard: Shard,
    trained: ScriptTraining | null,
    onProgress: (progress: ScriptProgress) => void,
  ): Promise<ShardFile>
  failed(parameters: Parameters, shard: Shard, reason: { code: string; message: string }): Promise<ShardFile>
  train(parameters: Parameters, onProgress: (progress: TrainingProgress) => void): Promise<ScriptTraining>
  /** Forgets a page that may be broken; the next call opens another. */
  reset(): Promise<void>
  close(): Promise<void>
}

/** The page as it is built; `own`: files that every run here may take. */
export class PageEvaluator implements FarmEvaluator {
  private served: ServedPage | null = null
  private opened: Promise<{ browser: OpenBrowser; page: Page; suite: string | undefined }> | null = null
  private onShard: (progress: ScriptProgress) => void = () => undefined
  private onTraining: (progress: TrainingProgress) => void = () => undefined

  constructor(private readonly own: OwnFiles) {}

  specify(parameters: Parameters): Promise<SpecifiedRun> {
    return this.ask('specify', parameters)
  }

  shard(
    parameters: Parameters,
    shard: Shard,
    trained: ScriptTraining | null,
    onProgress: (progress: ScriptProgress) => void,
  ): Promise<ShardFile> {
    this.onShard = onProgress
    const more = trained === null ? '' : `, ${JSON.stringify(trained)}`
    return this.ask(
      'evaluateShard',
      parameters,
      `${JSON.stringify(shard)}, (progress) => globalThis.spqrProgress(progress)${more}`,
    )
  }

  failed(parameters: Parameters, shard: Shard, reason: { code: string; message: string }): Promise<ShardFile> {
    return this.ask('failShard', parameters, `${JSON.stringify(shard)}, ${JSON.stringify(reason)}`)
  }

  train(parameters: Parameters, onProgress: (progress: TrainingProgress) => void): Promise<ScriptTraining> {
    this.onTraining = onProgress
    return this.ask('train', parameters, '(progress) => globalThis.spqrTraining(progress)')
  }

  async reset(): Promise<void> {
    const { opened } = this
    this.opened = null
    await opened?.then(({ browser }) => browser.close()).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.reset()
    await this.served?.close()
    this.served = null
  }

  private async ask<T>(call: string, parameters: Parameters, more?: string): Promise<T> {
    this.opened ??= this.open()
    const { page, suite } = await this.opened
    const given = suite === undefined ? parameters : { suites: suite, ...parameters }
    return inPage<T>(page, `globalThis.spqr.${call}(${JSON.stringify(given)}${more === undefined ? '' : `, ${more}`})`)
  }

  private async open() {
    ensureBuild()
    this.served ??= await serve()
    const browser = await openBrowser(false)
    const { page } = await openPage(browser.context, this.served.url)
    await page.exposeFunction('spqrProgress', (progress: ScriptProgress) => this.onShard(progress))
    await page.exposeFunction('spqrTraining', (progress: TrainingProgress) => this.onTraining(progress))
    const taken: Parameters = {}
    await giveFiles(page, this.own, taken)
    return { browser, page, suite: taken.suites }
  }
}
